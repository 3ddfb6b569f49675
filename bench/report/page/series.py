"""What the charts draw: accuracy against what is left of a network, and how runs got there."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from statistics import fmean
from typing import Any

from bench.base.grouping import grouped
from bench.report import per_input
from bench.report.cell import CellResult
from bench.report.page.material import Material, share
from bench.results.record import Curve, Record

MOST_POINTS = 48
"""Points of a training curve; a longer one is thinned, so that a large grid stays a small page."""


def trade_off(material: Material, numbers: Iterable[int]) -> list[dict[str, Any]]:
    """A point per cell that has a result: its accuracy, and the fractions of weights and multiply-adds it keeps."""
    found = []
    for number in numbers:
        each = material.results[number]
        if each.n:
            found.append(_point(material, number, each))
    return found


def _point(material: Material, number: int, each: CellResult) -> dict[str, Any]:
    _, mean, std = each.accuracy
    spread = 0.0 if math.isnan(std) else std
    # Where filters are chosen per input, the network itself is dense.
    weights = math.nan if per_input.decides(each.method) else 1 - each.means.prunable_sparsity
    return {
        "cell": number,
        "method": each.method,
        "dense": each.point is None,
        "weights": _positive(weights),
        "macs": _positive(each.means.macs_kept),
        "mean": round(mean, 4),
        "low": round(mean - spread, 4),
        "high": round(mean + spread, 4),
        "at": material.point_name(each),
        "accuracy": str(replace(each.number, planned=None, unit="%")),
        "kept": share(weights),
        "macs_text": share(each.means.macs_kept),
    }


def _positive(value: float) -> float | None:
    return float(f"{value:.6g}") if value > 0 else None  # NaN is not


@dataclass
class Training:
    """The training curve of the runs that differ in the seed only.

    Attributes:
        method, points: what was run.
        stages: name and first epoch of each; epochs go on over stages.
        epoch, accuracy, low, high: mean, lowest and highest of the seeds, in %.
        flips: per epoch, how often the mask of a prunable weight changed, in %, averaged over weights and seeds.
    """

    method: str
    points: list[str]
    seeds: int = 0
    stages: list[tuple[str, float]] = field(default_factory=list)
    epoch: list[float] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)
    low: list[float] = field(default_factory=list)
    high: list[float] = field(default_factory=list)
    flips: list[float] = field(default_factory=list)


def trainings(material: Material) -> tuple[list[Training], dict[tuple[str, float | None], int]]:
    """The training curves of a grid, and where that of a run at a point is."""
    numbered = ((number, cell) for number, cell in enumerate(material.plan.cells) if cell.runs)
    cells = grouped((tuple(run for _, run in cell.runs), number) for number, cell in numbered)
    found: list[Training] = []
    where: dict[tuple[str, float | None], int] = {}
    for runs, numbers in cells.items():
        results = [material.results[number] for number in numbers]
        names = [material.point_name(each) for each in results if each.point is not None]
        records = [material.records[run].record for run in runs if run in material.records]
        made = _training(Training(results[0].method, names), [record for record in records if record.curves])
        if made is not None:
            where |= {(run, material.plan.cells[number].point): len(found) for run in runs for number in numbers}
            found.append(made)
    return found, where


def _training(made: Training, records: list[Record]) -> Training | None:
    """The mean of the runs that went the whole way; those that broke off earlier would bend it where they end."""
    courses = [_course(record) for record in records]
    longest = max(courses, key=len, default=[])
    if not longest:
        return None
    epochs = [entry[0] for entry in longest]
    chosen = [course for course in courses if [entry[0] for entry in course] == epochs]
    made.seeds = len(chosen)
    made.epoch = epochs
    start = 0.0
    for curve in records[courses.index(longest)].curves:
        if curve.epoch:
            made.stages.append((curve.stage, start))
            start += curve.epoch[-1]
    for entries in zip(*chosen, strict=True):
        values = [entry[1] for entry in entries]
        made.accuracy.append(round(fmean(values), 2))
        made.low.append(round(min(values), 2))
        made.high.append(round(max(values), 2))
        made.flips.append(float(f"{100 * fmean(entry[2] for entry in entries):.3g}"))
    return made


def _course(record: Record) -> list[tuple[float, float, float]]:
    """Epoch, accuracy and mask changes per epoch over all stages of a run."""
    found: list[tuple[float, float, float]] = []
    start = 0.0
    for curve in record.curves:
        thinned = _thinned(curve, max(2, MOST_POINTS // len(record.curves)))
        found += [(round(start + epoch, 3), accuracy, rate) for epoch, accuracy, rate in thinned]
        start += curve.epoch[-1] if curve.epoch else 0.0
    return found


def _thinned(curve: Curve, most: int) -> list[tuple[float, float, float]]:
    """Epoch, accuracy there and mask changes per epoch since the entry before, of at most so many entries."""
    count = len(curve.epoch)
    chosen = sorted({round((index + 1) * count / min(most, count)) for index in range(min(most, count))})
    found, first, before = [], 0, 0.0
    for end in chosen:
        epoch = curve.epoch[end - 1]
        length = epoch - before
        changes = math.fsum(curve.mask_changes[first:end])
        found.append((epoch, curve.accuracy[end - 1], changes / length if length > 0 else 0.0))
        first, before = end, epoch
    return found

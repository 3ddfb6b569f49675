"""Measured speed-ups in a grid's tables, beside the theoretical multiply-adds. Needs no torch."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import mean
from typing import TYPE_CHECKING, Any

from bench import latency
from bench.base.spelling import Spelling
from bench.errors import UserError
from bench.latency import Machine, Timing
from bench.report.layout import Block, Text, same

if TYPE_CHECKING:
    from bench.plan.grid import Plan
    from bench.results.measurements import Source

Place = tuple[str, str, str, float | None]
"""Data set, architecture, method and point."""


@dataclass
class Speeds:
    """What was measured of a plan's runs.

    Attributes:
        timings: by cell and machine, of all seeds together.
        notes: by data set and architecture, what was measured and is not shown.
    """

    timings: dict[Place, dict[Machine, list[Timing]]] = field(default_factory=lambda: defaultdict(dict))
    notes: dict[tuple[str, str], list[str]] = field(default_factory=lambda: defaultdict(list))


def read(plan: Plan, records: Mapping[str, Source]) -> Speeds:
    """Read the measurements beside the records of a plan."""
    found = Speeds()
    for cell in plan.cells:
        notes = found.notes[cell.dataset, cell.architecture]
        for _, run in cell.runs:
            source = records.get(run)
            result = source.record.result(cell.point) if source else None
            if source is None or result is None:
                continue
            try:
                measured = latency.read(latency.beside(source.path))
            except UserError as error:
                notes.append(f"Not shown: {error}")
                continue
            if measured is None:
                continue
            network = measured.network(result)
            if network is None:
                notes.append(f"Not shown: the latency of run {run} is that of other weights; measure it again.")
                continue
            place = (cell.dataset, cell.architecture, cell.method, cell.point)
            found.timings[place].setdefault(measured.machine, []).extend(network.timings)
    return found


def blocks(lines: Sequence[Mapping[str, Any]], speeds: Speeds) -> list[Block]:
    """A table for each machine that measured some of these cells.

    Args:
        lines: of `bench.report.summary.cells`, all of one architecture and data set.
        speeds: from `read`.
    """
    found: dict[Machine, list[tuple[Mapping[str, Any], list[Timing]]]] = defaultdict(list)
    for line in lines:
        place = (line["dataset"], line["architecture"], line["method"], same(line["point"]))
        for machine, timings in speeds.timings.get(place, {}).items():
            found[machine].append((line, timings))
    spelling = Spelling.of(line["point"] for line in lines)
    return [_block(machine, measured, spelling) for machine, measured in found.items()]


def _block(machine: Machine, measured: Sequence[tuple[Mapping[str, Any], list[Timing]]], spelling: Spelling) -> Block:
    ways = list(dict.fromkeys(each.backend for _, timings in measured for each in timings if each.backend != "dense"))
    rows = []
    for line, timings in measured:
        for batch in sorted({each.batch for each in timings}):
            by_way = [_speedup(each for each in timings if (each.backend, each.batch) == (way, batch)) for way in ways]
            target = spelling.target(line["point"])
            shares = [_share(line["macs_kept"]), _share(line["effective_macs_kept"])]
            rows.append(tuple(map(Text, (line["method"], target, *shares, str(batch), *by_way))))
    head = ("Method", "Target", "MACs kept (theoretical)", "Effective MACs kept (theoretical)", "Batch", *ways)
    return Block(f"Measured speed-up over dense ({machine.describe()})", head, tuple(rows), terminal=True)


def _speedup(timings: Iterable[Timing]) -> str:
    """``1.32 ×``, the mean over seeds; below 1 is slower."""
    found = [each.speedup for each in timings]
    return f"{mean(found):.2f} ×" if found else "–"


def _share(value: float) -> str:
    return "not defined" if math.isnan(value) else f"{100 * value:.2f} %"

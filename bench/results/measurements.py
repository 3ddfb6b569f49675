"""One line per (run, point): what tables, plots and verdicts are made of, whether it comes from records or MLflow.

A run may yield results at several points, so the unit is not the run but a `Slot` of the plan: a cell at one seed.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from pydantic import ValidationError

from bench.base import regular
from bench.base.schema import explain
from bench.base.spelling import exact
from bench.results.last_words import unrecorded
from bench.results.record import Cost, Counts, Record, Result, parse

if TYPE_CHECKING:
    from bench.plan.grid import Cell, Plan

TEXTS = ("key", "run", "dataset", "architecture", "method", "outcome", "reason", "warnings")
"""Columns of text. ``outcome`` is the record's, or ``missing`` or ``broken`` where there is no readable record."""

KEYS = ("point", "seed")

METRICS = (
    *("accuracy", "loss", "best_accuracy", "best_epoch", "selected_accuracy", "validation_accuracy", "test_images"),
    *(name for name in Counts.model_fields if name != "target"),
    "empty_layers",
    *(name for name in Cost.model_fields if name != "parents"),
)
"""Columns of numbers, NaN where the run has none; `bench.results.record` says what they are.

``empty_layers`` counts them.

Where a method decides per input, ``macs`` are its exact multiply-adds per test image.
"""

PER_INPUT = "flops_strict"
"""The diagnostic that says how many these are (`bench.gated_macs`)."""

LONGEST_TEXT = 4000
"""Characters kept of a text; MLflow refuses parameters beyond 6,000 and tags beyond 8,000."""


@dataclass(frozen=True)
class Slot:
    """One place of the plan: a cell at one seed."""

    cell: Cell
    seed: int
    run: str

    @property
    def key(self) -> str:
        """Unique over everything: ``<run id>@<point>``."""
        return key(self.run, self.cell.point)


@dataclass(frozen=True)
class Source:
    """A record as it was read, and the SHA-256 of its bytes."""

    record: Record
    sha256: str
    path: Path


def key(run: str, point: float | None) -> str:
    """The name under which a run's result at a point is kept."""
    return f"{run}@{'dense' if point is None else exact(point)}"


def slots(plan: Plan) -> list[Slot]:
    """All places of a plan, in its order."""
    return [Slot(cell, seed, run) for cell in plan.cells for seed, run in cell.runs]


def read_records(plan: Plan, results: Path) -> tuple[dict[str, Source], dict[str, str]]:
    """The plan's records by run id, and for those that exist but cannot be used, one line that says why."""
    found: dict[str, Source] = {}
    problems: dict[str, str] = {}
    for spec in plan.runs:
        path = results / "runs" / spec.id / "record.json"
        try:
            data = regular.read_bytes(path, most=regular.LONGEST_TEXT)
            record = parse(data)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except (OSError, ValidationError, UnicodeDecodeError) as error:
            problems[spec.id] = f"{path}: not a record ({_first_line(error)})"
            continue
        if (record.id, record.spec.identity) != (spec.id, spec.identity):
            problems[spec.id] = f"{path}: a record of another run ({record.id}, identity {record.spec.identity[:12]})"
        else:
            found[spec.id] = Source(record, hashlib.sha256(data).hexdigest(), path)
    return found, problems


def _first_line(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return explain(error, "the file", Record).removesuffix(".")
    return (isinstance(error, OSError) and error.strerror) or " ".join(str(error).split())


def from_records(plan: Plan, records: Mapping[str, Source], problems: Mapping[str, str]) -> pd.DataFrame:
    """The frame of a plan, straight from its records."""
    lines = []
    for slot in slots(plan):
        source = records.get(slot.run)
        if source is not None:
            lines.append(identity_of(slot) | labels(source.record) | finite(metrics(source.record, slot.cell.point)))
        else:
            lines.append(identity_of(slot) | absent(problems.get(slot.run, "")))
    return frame(lines)


def of_cell(table: pd.DataFrame, cell: Cell) -> pd.DataFrame:
    """The lines of a cell's runs, by seed."""
    return table[table["key"].isin({key(run, cell.point) for _, run in cell.runs})]


def ended_well(cell: Cell, records: Mapping[str, Source]) -> list[Result]:
    """What the runs of a cell measured that ended well, by seed."""
    found = (records[run].record for _, run in cell.runs if run in records)
    return [result for record in found if record.outcome == "ok" and (result := record.result(cell.point))]


def identity_of(slot: Slot) -> dict[str, Any]:
    """The columns that the plan knows."""
    cell = slot.cell
    return {
        "key": slot.key,
        "run": slot.run,
        "dataset": cell.dataset,
        "architecture": cell.architecture,
        "method": cell.method,
        "point": cell.point,
        "seed": slot.seed,
    }


def absent(problem: str) -> dict[str, str]:
    """The columns of a slot without a usable record."""
    if problem:
        return {"outcome": "broken", "reason": problem}
    return {"outcome": "missing", "reason": "no record: not run yet, still running, or killed"}


def explained(table: pd.DataFrame, results: Path) -> pd.DataFrame:
    """The frame in which runs without a record say what their jobs said last."""
    missing = table["outcome"] == "missing"
    reasons = [f"no record: {unrecorded(results, run)}" for run in table.loc[missing, "run"]]
    table.loc[missing, "reason"] = pd.Series(reasons, index=table.index[missing], dtype="str")
    return table


def labels(record: Record) -> dict[str, str]:
    """The columns of text that the record knows."""
    texts = {"outcome": record.outcome, "reason": record.reason, "warnings": "; ".join(record.warnings)}
    return {name: text[:LONGEST_TEXT] for name, text in texts.items()}


def metrics(record: Record, point: float | None) -> dict[str, float | None]:
    """The numbers of a record at a point; of a run without a result there, only what it cost."""
    cost = record.cost.model_dump(exclude={"parents"})
    result = record.result(point)
    if result is None:
        return cost
    values = result.model_dump(exclude={"counts", "layers", "empty_layers"}) | result.counts.model_dump()
    values |= cost | {"empty_layers": len(result.empty_layers)}
    if PER_INPUT in result.diagnostics:
        values |= {"macs": result.diagnostics[PER_INPUT], "effective_macs": None}
    return {name: values[name] for name in METRICS}


def finite(values: Mapping[str, float | None]) -> dict[str, float]:
    """Only the numbers that are there and finite: SQL stores of MLflow cannot hold an infinity."""
    return {name: float(value) for name, value in values.items() if value is not None and math.isfinite(value)}


def frame(lines: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """A data frame of all columns, with their types set once."""
    empty = dict.fromkeys(TEXTS, "")
    table = pd.DataFrame([empty | dict(line) for line in lines], columns=[*TEXTS, *KEYS, *METRICS])
    for column in TEXTS:
        table[column] = table[column].astype("str")
    for column in ("point", *METRICS):
        table[column] = table[column].astype("float64")
    table["seed"] = table["seed"].astype("int64")
    return table

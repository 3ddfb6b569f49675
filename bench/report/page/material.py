"""What the page is made of, and how its numbers are printed."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pandas as pd

from bench.report import per_input
from bench.report.layout import same
from bench.results.measurements import key

if TYPE_CHECKING:
    from bench.plan.grid import Cell, Grid, Plan
    from bench.report.findings import Finding
    from bench.report.layout import Report
    from bench.results.measurements import Source

Line = Mapping[str, Any]
Key = tuple[str, str, str, float | None]
"""Data set, architecture, method and point."""


@dataclass(frozen=True)
class Failure:
    """What happened to some seeds of a cell instead of ending well; a cell that is skipped has none."""

    outcome: str
    reason: str
    seeds: tuple[int, ...]

    def __str__(self) -> str:
        what = f"{self.outcome}: {self.reason}" if self.reason else self.outcome
        which = f"{'seed' if len(self.seeds) == 1 else 'seeds'} {', '.join(map(str, self.seeds))}"
        return f"{what} ({which})" if self.seeds else what


@dataclass(frozen=True)
class Material:
    """Everything that a report is written from.

    Attributes:
        table, records: what the runs measured (`bench.report.Measured`).
        cells, compared: from `bench.report.summary.cells` and `bench.published.comparison.compare`.
        found: what became of the grid's claims.
        report: the same as sections of blocks.
        folder: where the page will lie; links to records are relative to it.
    """

    grid: Grid
    plan: Plan
    table: pd.DataFrame
    records: Mapping[str, Source]
    cells: pd.DataFrame
    compared: pd.DataFrame
    found: Sequence[Finding]
    report: Report
    folder: Path

    @cached_property
    def lines(self) -> list[Line]:
        """The cells, in the plan's order; a cell's number on the page is its place here."""
        return dicts(self.cells)

    @cached_property
    def published(self) -> dict[Key, list[Line]]:
        """The published rows of each cell, its anchor first."""
        found: dict[Key, list[Line]] = {}
        for row in sorted(dicts(self.compared), key=lambda row: not row["anchor"]):
            found.setdefault(key_of(row), []).append(row)
        return found

    def anchor(self, line: Line) -> Line | None:
        """The published row that a cell's verdict is about."""
        first = next(iter(self.published.get(key_of(line), [])), None)
        return first if first is not None and first["anchor"] else None

    @cached_property
    def by_key(self) -> dict[str, Line]:
        """The lines of the table, by run and point."""
        return {line["key"]: line for line in dicts(self.table)}

    def failures(self, number: int) -> list[Failure]:
        """What went wrong in a cell, by outcome and reason."""
        cell = self.plan.cells[number]
        found: dict[tuple[str, str], list[int]] = {}
        for seed, run in cell.runs:
            line = self.by_key[key(run, cell.point)]
            if line["outcome"] != "ok":
                found.setdefault((line["outcome"], line["reason"]), []).append(seed)
        if cell.skipped:
            found["skipped", cell.skipped] = []
        return [Failure(*what, tuple(seeds)) for what, seeds in found.items()]

    def sections(self) -> Iterator[tuple[str, str, list[int]]]:
        """Data set, architecture and the numbers of their cells."""
        found: dict[tuple[str, str], list[int]] = {}
        for number, line in enumerate(self.lines):
            found.setdefault((line["dataset"], line["architecture"]), []).append(number)
        for (dataset, architecture), numbers in found.items():
            yield dataset, architecture, numbers

    def point_name(self, line: Line) -> str:
        """A cell's point as the page calls it (`bench.report.per_input.point_name`)."""
        return per_input.point_name(line["method"], line["point"], self.plan.spelling)

    def good(self, cell: Cell) -> list[Source]:
        """The records of a cell's runs that ended well."""
        found = [self.records[run] for _, run in cell.runs if run in self.records]
        return [source for source in found if source.record.outcome == "ok"]

    def link(self, run: str) -> str:
        """Where a run's record lies, seen from the page; nothing if it has none."""
        source = self.records.get(run)
        return quote(os.path.relpath(source.path.resolve(), self.folder.resolve())) if source else ""


def dicts(frame: pd.DataFrame) -> list[Line]:
    """The lines of a frame."""
    return [{str(name): value for name, value in line.items()} for line in frame.to_dict("records")]


def key_of(line: Line) -> Key:
    """Which cell a line is about."""
    return line["dataset"], line["architecture"], line["method"], same(line["point"])


def number(mean: float, std: float = math.nan) -> str:
    """``93.10 ± 0.15``, or without what is NaN."""
    if math.isnan(mean):
        return ""
    return f"{mean:.2f}" if math.isnan(std) else f"{mean:.2f} ± {std:.2f}"


def share(value: float) -> str:
    """A fraction in %, nothing for NaN."""
    return "" if math.isnan(value) else f"{100 * value:.2f} %"

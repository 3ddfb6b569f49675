"""What the page is made of, and how its numbers are printed."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from bench.base.grouping import grouped
from bench.report import per_input
from bench.report.cell import CellResult
from bench.report.layout import Number

if TYPE_CHECKING:
    from bench.plan.grid import Grid, Plan
    from bench.report.findings import Finding
    from bench.report.layout import Report
    from bench.results.measurements import Source


@dataclass(frozen=True)
class Material:
    """Everything that a report is written from.

    Attributes:
        records: what the runs left, by run id.
        results: from `bench.report.summary.cells`, in the plan's order; a cell's number on the page is its place here.
        found: what became of the grid's claims.
        report: the same as sections of blocks.
        folder: where the page will lie; links to records are relative to it.
    """

    grid: Grid
    plan: Plan
    records: Mapping[str, Source]
    results: Sequence[CellResult]
    found: Sequence[Finding]
    report: Report
    folder: Path

    def sections(self) -> list[list[int]]:
        """The numbers of the cells of each network."""
        return list(grouped((each.network, number) for number, each in enumerate(self.results)).values())

    def point_name(self, result: CellResult) -> str:
        """A cell's point as the page calls it (`bench.report.per_input.point_name`)."""
        return per_input.point_name(result.method, result.point, self.plan.spelling)

    def link(self, run: str) -> str:
        """Where a run's record lies, seen from the page; nothing if it has none."""
        source = self.records.get(run)
        return quote(os.path.relpath(source.path.resolve(), self.folder.resolve())) if source else ""


def share(value: float) -> str:
    """A fraction in %, nothing for NaN."""
    return str(Number(100 * value, unit="%"))

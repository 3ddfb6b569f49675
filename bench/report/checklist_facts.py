"""What a checklist's answers are made of: a grid, its plan and records, and what follows from all three at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from bench.results.record import Record

if TYPE_CHECKING:
    from bench.plan.grid import Cell, Grid, Plan
    from bench.results.measurements import Source


@dataclass(frozen=True)
class Facts:
    """A grid with its plan, and the records of its runs by their ids."""

    grid: Grid
    plan: Plan
    sources: Mapping[str, Source]

    @cached_property
    def records(self) -> list[Record]:
        """All records there are, in the plan's order."""
        return [self.sources[spec.id].record for spec in self.plan.runs if spec.id in self.sources]

    @cached_property
    def cells(self) -> list[Cell]:
        """The cells that have runs: those that a method skips have none."""
        return [cell for cell in self.plan.cells if cell.runs]

    @cached_property
    def pairs(self) -> list[tuple[str, str]]:
        """(data set, architecture) with cells that have runs."""
        return list(dict.fromkeys((cell.dataset, cell.architecture) for cell in self.cells))

    def ended_well(self, cell: Cell) -> list[Record]:
        """The records of a cell's runs that ended well."""
        found = [self.sources[run].record for _, run in cell.runs if run in self.sources]
        return [record for record in found if record.outcome == "ok"]

    def provenance(self, *path: str) -> Counter[str]:
        """How many records have which value of a field of their provenance; "not recorded" where it is missing."""
        return Counter(str(_inside(record.provenance, path)) for record in self.records)


def _inside(values: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        values = values.get(name) if isinstance(values, dict) else None
    return "not recorded" if values is None or values == "" else values


def listed(counts: Counter[str], most: int = 4) -> str:
    """``2.13.0`` for one value, ``2.13.0 (80), 2.12.1 (10)`` for several, the first `most` of them."""
    if len(counts) == 1:
        return next(iter(counts))
    shown = ", ".join(f"{value} ({count})" for value, count in counts.most_common(most))
    return f"{shown} and {len(counts) - most} more" if len(counts) > most else shown

"""Grids whose seeds are added at looks: which seeds a cell asks for, and which ones the methods of a column share.

A grid says so (`looks: true`) before its first run, and each of its records says that it was made so (`Record.looks`).
By that its cells are judged, whatever a grid says later: who has seen numbers cannot choose the rule any more.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from bench.published.outcomes import Outcome
from bench.published.rule import LEVEL, LOOKS
from bench.results.measurements import of_cell

if TYPE_CHECKING:
    import pandas as pd

    from bench.plan.grid import Cell, CellKey, Grid, Network, Plan
    from bench.published.comparison import Compared
    from bench.results.measurements import Source

FIRST, LAST = min(LOOKS), max(LOOKS)

NOT_ENDED = ("missing", "broken", "error")
"""Outcomes of runs that have to be carried out again."""

SEEDS = " and ".join(", ".join(map(str, LOOKS)).rsplit(", ", 1))
LEVELS = " and ".join(", ".join(f"{100 * LEVEL * share:g}" for share in LOOKS.values()).rsplit(", ", 1))
RULE = f"added at looks of {SEEDS} (one-sided levels of {LEVELS} %) where a verdict is open"
"""How the seeds of such a grid come about, in words."""


def made_so(records: Mapping[str, Source]) -> set[str]:
    """The runs whose grid added seeds at looks when they were made."""
    return {run for run, source in records.items() if source.record.looks}


def looked(cell: Cell, table: pd.DataFrame) -> int:
    """The last look whose seeds have all ended; 0 if those of the first have not."""
    ended = ~of_cell(table, cell)["outcome"].isin(NOT_ENDED)
    return max((n for n in LOOKS if n <= len(ended) and ended.head(n).all()), default=0)


def asked(cell: Cell, table: pd.DataFrame, is_open: bool) -> int:
    """How many of its first seeds a cell needs: those of the next look as long as its verdict is open."""
    done = looked(cell, table)
    if done and not is_open:
        return done
    return next((n for n in LOOKS if n > done), done)


def still_open(compared: Iterable[Compared]) -> set[CellKey]:
    """The cells whose verdict waits for the next look."""
    return {
        each.cell.key
        for each in compared
        if each.anchor and each.outcome is Outcome.INCONCLUSIVE and each.verdict.seeds_needed is not None
    }


def cut(plan: Plan, seeds: Mapping[CellKey, int], ended: Iterable[str] = ()) -> Plan:
    """The plan with so many of the first seeds of each cell; runs of none of them only stay if they have `ended`."""
    cells = [replace(cell, runs=cell.runs[: seeds[cell.key]]) for cell in plan.cells]
    used = {run for cell in cells for _, run in cell.runs} | set(ended)
    parent = {run: dense for run, dense in plan.parent.items() if run in used}
    return replace(plan, runs=[spec for spec in plan.runs if spec.id in used], cells=cells, parent=parent)


def shared(grid: Grid, plan: Plan, table: pd.DataFrame) -> Plan:
    """What tables, marks and ranks are made of: in each column the seeds that all of its methods have.

    These are the seeds of the last look that all of them have reached. A plan whose seeds are fixed stays as it is.
    """
    if not grid.looks:
        return plan
    reached: dict[tuple[Network, float], int] = {}
    for cell in plan.cells:
        if cell.runs:
            own = max(looked(cell, table), FIRST)
            reached[_column(cell)] = min(own, reached.get(_column(cell), own))
    seeds = {cell.key: reached.get(_column(cell), FIRST) for cell in plan.cells}
    return cut(plan, seeds, table.loc[table["outcome"] != "missing", "run"])


def _column(cell: Cell) -> tuple[Network, float]:
    """Dense networks stand in the column of 0 %."""
    return cell.network, cell.point or 0.0


def aside(plan: Plan, narrowed: Plan, table: pd.DataFrame) -> dict[Network, list[str]]:
    """Of how many ended runs the tables of a network make no use, a sentence; `narrowed` is what is `shared`."""
    left: dict[Network, list[str]] = defaultdict(list)
    for cell, used in zip(plan.cells, narrowed.cells, strict=True):
        runs = of_cell(table, replace(cell, runs=cell.runs[len(used.runs) :]))
        if count := int((runs["outcome"] != "missing").sum()):
            left[cell.network].append(f"{cell.method}{plan.spelling.at(cell.point)} ({count})")
    return {
        network: [
            "Left aside in tables, marks and ranks, as not all methods of a column have these seeds: "
            f"{', '.join(cells)}. Verdicts on published numbers rest on the seeds of their own look."
        ]
        for network, cells in left.items()
    }

"""How far a grid is whose seeds are added at looks: what each cell has, what it needs next, and what is likely."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.published.comparison import Compared, compare
from bench.published.looks import LAST, NOT_ENDED, asked, cut, made_so, still_open
from bench.published.outcomes import Outcome
from bench.published.power import POWER, prospect
from bench.published.rule import LOOKS
from bench.results.measurements import from_records, of_cell, read_records
from bench.spec import RunSpec

if TYPE_CHECKING:
    from bench.plan.grid import Cell, Grid, Plan
    from bench.published import Published


@dataclass(frozen=True)
class State:
    """How far a cell is.

    Attributes:
        ended: how many of its runs have.
        asked: how many of its first seeds it needs now; as many as it has, if it needs no more.
        is_open: whether its verdict waits for the next look.
        verdict: on its published number; None if it has none that can be compared.
        chances: by look, how often the number is called reproduced there if the paper is exactly right.
    """

    cell: Cell
    ended: int
    asked: int
    is_open: bool = False
    verdict: Compared | None = None
    chances: Mapping[int, float] = field(default_factory=dict)

    @property
    def waits(self) -> bool:
        """Whether a look is to come."""
        return self.verdict is not None and (self.is_open or self.ended < self.asked)

    @property
    def likely(self) -> int:
        """With how many seeds it will more probably than not have stopped; those of the last look if none decides."""
        looks = (n for n in LOOKS if n >= self.asked and self.chances[n] >= POWER)
        return next(looks, LAST) if self.waits else self.asked

    def values(self) -> dict[str, Any]:
        """Everything as JSON-like values."""
        found = self.verdict
        judged = {} if found is None else {"row": found.row.id, "verdict": found.outcome, "reason": found.reason}
        return {
            **self.cell.key._asdict(),
            **{"ended": self.ended, "asked": self.asked, "likely": self.likely},
            **judged,
            "look": found.verdict.look if found and found.verdict.look else None,
            "chances": {str(n): round(chance, 3) for n, chance in self.chances.items()},
        }


@dataclass(frozen=True)
class Survey:
    """The cells of a grid, and its runs by what became of them."""

    plan: Plan
    states: tuple[State, ...]
    missing: frozenset[str]

    @property
    def now(self) -> Plan:
        """What the next look of each cell needs, done or not."""
        return self._with((state.cell, state.asked) for state in self.states)

    @property
    def likely(self) -> Plan:
        """What will probably have been run in the end."""
        return self._with((state.cell, state.likely) for state in self.states)

    @property
    def at_most(self) -> Plan:
        """What is run if no open verdict comes before the last look."""
        return self._with((state.cell, LAST if state.waits else state.asked) for state in self.states)

    @property
    def to_run(self) -> list[RunSpec]:
        """The runs of `now` that left no record yet."""
        return [spec for spec in self.now.runs if spec.id in self.missing]

    def _with(self, seeds: Iterable[tuple[Cell, int]]) -> Plan:
        return cut(self.plan, {cell.key: count for cell, count in seeds})


def survey(grid: Grid, plan: Plan, published: Published) -> Survey:
    """How far a grid is, from the records of its runs."""
    records, problems = read_records(plan, Path(grid.results))
    table = from_records(plan, records, problems)
    compared = compare(plan, table, published, looks=made_so(records))
    waiting = still_open(compared)
    judged = {each.cell.key: each for each in compared if each.anchor and each.outcome is not Outcome.NOT_COMPARABLE}
    states = []
    for cell in plan.cells:
        verdict = judged.get(cell.key)
        ahead = prospect(published, verdict.row) if verdict else None
        chances = {n: ahead.power(n, share) for n, share in LOOKS.items()} if ahead else {}
        ended = int((~of_cell(table, cell)["outcome"].isin(NOT_ENDED)).sum())
        is_open = cell.key in waiting
        states.append(State(cell, ended, asked(cell, table, is_open), is_open, verdict, chances))
    return Survey(plan, tuple(states), frozenset(table.loc[table["outcome"] == "missing", "run"]))

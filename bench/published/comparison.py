"""Joining our cells with published rows, each with its verdict."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import TYPE_CHECKING

import pandas as pd

from bench.base.grouping import tallied
from bench.published import Protocol, Published, Row
from bench.published.obstacles import Kind, Obstacle, counted, obstacles, reading, spelled
from bench.published.outcomes import JUDGED, Outcome
from bench.published.readings import level, settle
from bench.published.verdict import Scale, Verdict, judge, margin
from bench.results.measurements import of_cell
from bench.spec import RunSpec
from bench.statistics import Summary, summarise

if TYPE_CHECKING:
    from bench.plan.grid import Cell, Plan

EPOCHS = {"best": "best_accuracy", "best_validation": "selected_accuracy"}
"""Which of our accuracies stands beside a row that reports another epoch than the last."""

_TRUST = ("primary", "secondary", "unverified")

_MIXED = Obstacle(Kind.LOOKS, "some of our seeds were fixed beforehand, others were added at looks")


@dataclass(frozen=True)
class Compared:
    """A cell of ours beside a published row about it.

    Attributes:
        spec: what was asked of one of the cell's runs.
        anchor: whether the cell's verdict is this row's.
        ours: accuracies of the runs that ended well, of the epoch that the row reports; where seeds are added, of those
            at which was looked.
        drop: our dense network's mean accuracy minus the cell's, after the last epoch; NaN where one is not known.
    """

    cell: Cell
    spec: RunSpec
    row: Row
    protocol: Protocol
    verdict: Verdict
    anchor: bool
    ours: Summary
    drop: float

    @property
    def outcome(self) -> Outcome:
        """The verdict's word."""
        return self.verdict.outcome

    @property
    def published_drop(self) -> float:
        """Theirs; NaN if their dense network's is not printed."""
        return math.nan if self.row.dense_value is None else self.row.dense_value - self.row.value

    @property
    def reason(self) -> str:
        """What the verdict rests on, in words."""
        return spelled(self.verdict.obstacles) or self.verdict.reason

    @property
    def deviations(self) -> str:
        """How the recipe is known to differ from the source."""
        return "; ".join(self.protocol.deviations)

    @property
    def printed(self) -> str:
        """Where ours lies, seen from the printed number; empty where nothing was compared."""
        return self.verdict.printed or ""

    def values(self) -> dict[str, object]:
        """All that is known, by `COLUMNS`, for programs."""
        return {name: attrgetter(path)(self) for name, path in COLUMNS.items()}


COLUMNS = {
    "dataset": "cell.dataset",
    "architecture": "cell.architecture",
    "method": "cell.method",
    "point": "cell.point",
    "row": "row.id",
    "anchor": "anchor",
    "paper": "row.paper",
    "arxiv": "row.arxiv",
    "table": "row.table",
    "method_printed": "row.method_printed",
    "architecture_printed": "row.architecture_printed",
    "verified": "row.verified",
    "reading": "row.reading",
    "report": "row.report",
    "published": "row.value",
    "published_std": "row.std",
    "published_n": "row.n_seeds",
    "published_drop": "published_drop",
    "ours": "ours.mean",
    "ours_std": "ours.std",
    "ours_n": "ours.n",
    "ours_drop": "drop",
    "difference": "verdict.difference",
    "half_width": "verdict.half_width",
    "margin": "verdict.margin",
    "kind": "verdict.kind",
    "verdict": "verdict.outcome",
    "reason": "reason",
    "obstacles": "verdict.obstacles",
    "seeds_needed": "verdict.seeds_needed",
    "look": "verdict.look",
    "stands_to": "verdict.stands_to",
    "printed": "printed",
    "under": "verdict.reading",
    "protocol": "row.protocol",
    "deviations": "deviations",
    "source": "row.source",
    "note": "row.note",
    "pilot": "row.pilot",
}
"""What programs are told of a comparison, and where `Compared` has it."""


def frame(compared: Iterable[Compared]) -> pd.DataFrame:
    """The columns of ``comparison.csv``; obstacles are the reason, in words, and `look` is there if seeds are added."""
    table = pd.DataFrame([each.values() for each in compared], columns=list(COLUMNS))
    if not table["look"].any():
        table = table.drop(columns="look")
    numbers = dict.fromkeys(("point", "published_std", "published_n"), "float64")
    return table.drop(columns="obstacles").astype(numbers)


def compare(
    plan: Plan, table: pd.DataFrame, published: Published, *, looks: Collection[str] = frozenset()
) -> list[Compared]:
    """Every published row about a cell of the plan, with our numbers and the verdict.

    At most one row per cell is its ``anchor``, among those about the very method (not a variant of it). It is chosen
    from what is known before anything runs: the fewest obstacles, then how well it was verified, then its name.

    Args:
        plan: with the cells.
        table: a line per run and point (`bench.results.measurements`).
        published: all rows.
        looks: the runs that were made while seeds were added (`bench.published.looks.made_so`). A cell of such runs is
            judged at looks, a cell of others by all its seeds, and a cell of both not at all.
    """
    ours = _Ours(plan, table)
    specs = {spec.id: spec for spec in plan.runs}
    found = []
    for cell, row, blocked, anchor in matched(plan, published):
        spec, protocol = specs[cell.runs[0][1]], published.protocols[row.protocol]
        added = ours.added(cell, looks)
        blocked = [*blocked, *([] if len(added) < 2 else [_MIXED])]
        if blocked:
            verdict = Verdict(Outcome.NOT_COMPARABLE, obstacles=tuple(blocked))
        else:
            verdict = _judged(ours, cell, row, published, added == {True}, spec)
        beside = summarise(ours.values(cell, _column(row))[: verdict.look or None])
        found.append(Compared(cell, spec, row, protocol, verdict, anchor, beside, ours.drop(cell)))
    settled = settle([(each.row.id, each.protocol, each.verdict) for each in found])
    return [replace(each, verdict=verdict) for each, verdict in zip(found, settled, strict=True)]


def matched(plan: Plan, published: Published) -> Iterator[tuple[Cell, Row, list[Obstacle], bool]]:
    """Every cell of a plan with each published row about it, what keeps the two apart, and whether it is the anchor."""
    specs = {spec.id: spec for spec in plan.runs}
    for cell in plan.cells:
        if not cell.runs:
            continue
        spec = specs[cell.runs[0][1]]
        rows = [(row, obstacles(row, published.protocols[row.protocol], spec)) for row in published.rows_for(cell)]
        rows.sort(key=lambda pair: _preference(pair[0], pair[1], spec))
        for rank, (row, blocked) in enumerate(rows):
            yield cell, row, blocked, rank == 0 and row.canonical_method == spec.method_text


def _preference(row: Row, blocked: list[Obstacle], spec: RunSpec) -> tuple[bool, int, int, str]:
    return row.canonical_method != spec.method_text, len(blocked), _TRUST.index(row.verified), row.id


@dataclass(frozen=True)
class _Ours:
    """Accuracies of the runs that ended well, by seed."""

    plan: Plan
    table: pd.DataFrame

    def values(self, cell: Cell | None, column: str = "accuracy") -> list[float]:
        if cell is None:
            return []
        runs = of_cell(self.table, cell)
        return [float(value) for value in runs.loc[runs["outcome"] == "ok", column].dropna()]

    def drop(self, cell: Cell) -> float:
        """From the dense network's mean."""
        dense = self.plan.dense.get(cell.network)
        return summarise(self.values(dense)).mean - summarise(self.values(cell)).mean

    def started(self, cell: Cell) -> int:
        """How many runs of the cell left a record."""
        return int((of_cell(self.table, cell)["outcome"] != "missing").sum())

    def added(self, cell: Cell, looks: Collection[str]) -> set[bool]:
        """Of the runs that left one: whether they were made while seeds were added, or not, or both."""
        runs = of_cell(self.table, cell)
        return {run in looks for run in runs.loc[~runs["outcome"].isin(["missing", "broken"]), "run"]}


def _judged(ours: _Ours, cell: Cell, row: Row, published: Published, looks: bool, spec: RunSpec) -> Verdict:
    values, scale, protocol = ours.values(cell, _column(row)), Scale.of(cell.dataset), published.protocols[row.protocol]
    verdict = judge(values, row, scale, level=level(protocol), looks=looks)
    if protocol.readings:
        verdict = replace(verdict, reading=reading(protocol, spec))
    if verdict.outcome is Outcome.NOT_RUN and ours.started(cell):
        return Verdict(Outcome.INCONCLUSIVE, "none of our runs ended well")
    if verdict.outcome is Outcome.REPRODUCED:
        others = [other for other in published.neighbours(row) if _agrees(values, other, scale, looks)]
        if others:
            told = f"as near to {len(others)} other rows of {row.table}" if others[1:] else f"as near to {others[0].id}"
            verdict = replace(verdict, outcome=Outcome.LEVEL_ONLY, reason=_joined(told, verdict.reason))
    planned = ours.started(cell) if looks else len(cell.runs)
    if len(values) < planned and verdict.outcome in JUDGED:
        ended = f"{len(values)} of {planned} runs ended well"
        verdict = replace(verdict, reason=_joined(ended, verdict.reason))
    return verdict


def _agrees(values: list[float], row: Row, scale: Scale, looks: bool) -> bool:
    return margin(row) is not None and judge(values, row, scale, looks=looks).outcome is Outcome.REPRODUCED


def _joined(*reasons: str) -> str:
    return "; ".join(filter(None, reasons))


def _column(row: Row) -> str:
    return EPOCHS.get(row.report or "last", "accuracy")


def untested(compared: Sequence[Compared]) -> tuple[str, str] | None:
    """Where no run has ended yet: how many of the anchors can be tested, and why others cannot; None once one has."""
    anchors = [each for each in compared if each.anchor]
    waiting = sum(each.outcome is Outcome.NOT_RUN for each in anchors)
    blocked = [each.verdict.obstacles for each in anchors if each.outcome is Outcome.NOT_COMPARABLE]
    if not waiting or waiting + len(blocked) < len(anchors) or any(each.ours.n for each in anchors):
        return None
    able = f"Nothing has run yet: {waiting} of {len(anchors)} published numbers can be tested"
    return able, f"{len(blocked)} cannot ({counted(blocked)})" if blocked else ""


def shares(compared: Iterable[Compared]) -> dict[str, Counter[Outcome]]:
    """How often the anchors of each method (whatever its hyper-parameters) got each verdict."""
    return tallied((each.cell.method_name, each.outcome) for each in compared if each.anchor)

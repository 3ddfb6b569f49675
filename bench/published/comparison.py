"""Joining our cells with published rows: one line per row, each with its verdict."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import pandas as pd

from bench.names import parse
from bench.published import Published, Row
from bench.published.obstacles import Obstacle, counted, obstacles, reading, spelled
from bench.published.outcomes import JUDGED, Outcome
from bench.published.readings import level, settle
from bench.published.verdict import Scale, Verdict, judge, margin
from bench.results.measurements import key
from bench.spec import RunSpec
from bench.statistics import summarise

if TYPE_CHECKING:
    from bench.plan.grid import Cell, Plan

OBJECTS = ("obstacles",)
"""Columns that are no text and no number; ``reason`` has the same in words."""

COLUMNS = (
    "dataset",
    "architecture",
    "method",
    "point",
    "row",
    "anchor",
    "paper",
    "arxiv",
    "table",
    "method_printed",
    "architecture_printed",
    "verified",
    "reading",
    "report",
    "published",
    "published_std",
    "published_n",
    "published_drop",
    "ours",
    "ours_std",
    "ours_n",
    "ours_drop",
    "difference",
    "half_width",
    "margin",
    "kind",
    "verdict",
    "reason",
    "obstacles",
    "seeds_needed",
    "stands_to",
    "printed",
    "under",
    "protocol",
    "deviations",
    "source",
    "note",
    "pilot",
)

EPOCHS = {"best": "best_accuracy", "best_validation": "selected_accuracy"}
"""Which of our accuracies stands beside a row that reports another epoch than the last."""

_TRUST = ("primary", "secondary", "unverified")


@dataclass(frozen=True)
class _Ours:
    """Accuracies by cell, of the last and of chosen epochs, of the runs that ended well, by seed."""

    table: pd.DataFrame
    plan: Plan

    def values(self, cell: Cell, column: str) -> list[float]:
        chosen = self._runs(cell)
        return [float(value) for value in chosen.loc[chosen["outcome"] == "ok", column].dropna()]

    def started(self, cell: Cell) -> bool:
        """Whether any run of the cell left a record."""
        return bool((self._runs(cell)["outcome"] != "missing").any())

    def dense(self, cell: Cell) -> float:
        found = [
            other
            for other in self.plan.cells
            if (other.dataset, other.architecture) == (cell.dataset, cell.architecture) and other.method == "dense"
        ]
        return summarise(self.values(found[0], "accuracy")).mean if found else math.nan

    def _runs(self, cell: Cell) -> pd.DataFrame:
        return self.table[self.table["key"].isin({key(run, cell.point) for _, run in cell.runs})]


def compare(plan: Plan, table: pd.DataFrame, published: Published, *, looks: bool = False) -> pd.DataFrame:
    """Every published row about a cell of the plan, with our numbers and the verdict.

    At most one row per cell is its ``anchor``, among those about the very method (not a variant of it). It is chosen
    from what is known before anything runs: the fewest obstacles, then how well it was verified, then its name.

    Args:
        plan: with the cells.
        table: a line per run and point (`bench.results.measurements`).
        published: all rows.
        looks: whether seeds are added until one decides (`bench.published.verdict.judge`).
    """
    ours = _Ours(table, plan)
    found = list(matched(plan, published))
    specs = {spec.id: spec for spec in plan.runs}
    verdicts = [
        Verdict(Outcome.NOT_COMPARABLE, obstacles=tuple(blocked))
        if blocked
        else _judged(ours, cell, row, published, looks, specs[cell.runs[0][1]])
        for cell, row, blocked, _ in found
    ]
    protocols = [published.protocols[row.protocol] for _, row, _, _ in found]
    told = [
        (row.id, protocol, verdict)
        for (_, row, _, _), protocol, verdict in zip(found, protocols, verdicts, strict=True)
    ]
    lines = [
        _compared(ours, cell, row, verdict, published) | {"anchor": anchor}
        for (cell, row, _, anchor), verdict in zip(found, settle(told), strict=True)
    ]
    return pd.DataFrame(lines, columns=list(COLUMNS))


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
    if len(values) < len(cell.runs) and verdict.outcome in JUDGED:
        ended = f"{len(values)} of {len(cell.runs)} runs ended well"
        verdict = replace(verdict, reason=_joined(ended, verdict.reason))
    return verdict


def _agrees(values: list[float], row: Row, scale: Scale, looks: bool) -> bool:
    return margin(row) is not None and judge(values, row, scale, looks=looks).outcome is Outcome.REPRODUCED


def _joined(*reasons: str) -> str:
    return "; ".join(filter(None, reasons))


def _column(row: Row) -> str:
    return EPOCHS.get(row.report or "last", "accuracy")


def _compared(ours: _Ours, cell: Cell, row: Row, verdict: Verdict, published: Published) -> dict[str, Any]:
    n, mean, std = summarise(ours.values(cell, _column(row)))
    named = {each.name: getattr(verdict, each.name) for each in fields(verdict)}
    named["under"] = named.pop("reading")
    return {
        "dataset": cell.dataset,
        "architecture": cell.architecture,
        "method": cell.method,
        "point": _number(cell.point),
        "row": row.id,
        "published": row.value,
        "published_std": _number(row.std),
        "published_n": _number(row.n_seeds),
        "published_drop": _number(row.dense_value) - row.value,
        "ours": mean,
        "ours_std": std,
        "ours_n": n,
        "ours_drop": ours.dense(cell) - summarise(ours.values(cell, "accuracy")).mean,
        "verdict": named.pop("outcome"),
        **named,
        "printed": verdict.printed or "",
        "reason": spelled(verdict.obstacles) or verdict.reason,
        **{name: getattr(row, name) for name in _COPIED},
        "deviations": "; ".join(published.protocols[row.protocol].deviations),
    }


_COPIED = (
    "paper",
    "arxiv",
    "table",
    "method_printed",
    "architecture_printed",
    "verified",
    "reading",
    "report",
    "protocol",
    "source",
    "note",
    "pilot",
)


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def untested(compared: pd.DataFrame) -> tuple[str, str] | None:
    """Where no run has ended yet: how many of the anchors can be tested, and why others cannot; None once one has."""
    anchors = compared[compared["anchor"].astype(bool)]
    waiting = int((anchors["verdict"] == Outcome.NOT_RUN).sum())
    blocked = anchors.loc[anchors["verdict"] == Outcome.NOT_COMPARABLE, "obstacles"]
    if not waiting or waiting + len(blocked) < len(anchors) or anchors["ours_n"].any():
        return None
    able = f"Nothing has run yet: {waiting} of {len(anchors)} published numbers can be tested"
    return able, f"{len(blocked)} cannot ({counted(blocked)})" if len(blocked) else ""


def shares(compared: pd.DataFrame) -> dict[str, Counter[str]]:
    """How often the anchors of each method (whatever its hyper-parameters) got each verdict."""
    anchors = compared[compared["anchor"].astype(bool)]
    found: dict[str, Counter[str]] = {}
    for method, word in zip(anchors["method"], anchors["verdict"], strict=True):
        found.setdefault(parse(method)[0], Counter())[word] += 1
    return found

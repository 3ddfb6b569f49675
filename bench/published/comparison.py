"""Joining our cells with published rows: one line per row, each with its verdict."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from bench import data
from bench.names import parse
from bench.published import Published, Row
from bench.published.verdict import Verdict, judge, obstacles, spread
from bench.report.measurements import key
from bench.spec import RunSpec
from bench.statistics import summarise

if TYPE_CHECKING:
    from bench.grid import Cell, Plan

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
    "verdict",
    "reason",
    "seeds_needed",
    "protocol",
    "deviations",
    "source",
    "note",
)

EPOCHS = {"best": "best_accuracy", "best_validation": "selected_accuracy"}
"""Which of our accuracies stands beside a row that reports another epoch than the last."""

_TRUST = ("primary", "secondary", "unverified")


@dataclass(frozen=True)
class _Ours:
    """Accuracies over seeds by cell, of the last and of chosen epochs, of the runs that ended well."""

    table: pd.DataFrame
    plan: Plan

    def values(self, cell: Cell, column: str) -> list[float]:
        keys = {key(run, cell.point) for _, run in cell.runs}
        chosen = self.table[self.table["key"].isin(keys) & (self.table["outcome"] == "ok")]
        return [float(value) for value in chosen[column].dropna()]

    def neighbours(self, cell: Cell, column: str) -> dict[float, list[float]]:
        alike = [other for other in self.plan.cells if _line(other) == _line(cell) and other.runs]
        return {_target(other): self.values(other, column) for other in alike}

    def dense(self, cell: Cell) -> float:
        found = [
            other
            for other in self.plan.cells
            if (other.dataset, other.architecture) == (cell.dataset, cell.architecture) and other.method == "dense"
        ]
        return summarise(self.values(found[0], "accuracy")).mean if found else math.nan


def compare(plan: Plan, table: pd.DataFrame, published: Published) -> pd.DataFrame:
    """Every published row about a cell of the plan, with our numbers and the verdict.

    At most one row per cell is its ``anchor``, among those about the very method (not a variant of it). It is chosen
    from what is known before anything runs: the fewest obstacles, then how well it was verified, then its name.
    """
    ours = _Ours(table, plan)
    specs = {spec.id: spec for spec in plan.runs}
    lines: list[dict[str, Any]] = []
    for cell in plan.cells:
        if not cell.runs:
            continue
        spec = specs[cell.runs[0][1]]
        rows = [(row, obstacles(row, published.protocols[row.protocol], spec)) for row in published.rows_for(cell)]
        rows.sort(key=lambda pair: _preference(pair[0], pair[1], spec))
        for rank, (row, blocked) in enumerate(rows):
            anchor = rank == 0 and row.canonical_method == spec.method_text
            lines.append(_compared(ours, cell, row, blocked, published) | {"anchor": anchor})
    return pd.DataFrame(lines, columns=list(COLUMNS))


def _preference(row: Row, blocked: list[str], spec: RunSpec) -> tuple[bool, int, int, str]:
    return row.canonical_method != spec.method_text, len(blocked), _TRUST.index(row.verified), row.id


def _compared(ours: _Ours, cell: Cell, row: Row, blocked: list[str], published: Published) -> dict[str, Any]:
    column = EPOCHS.get(row.report or "last", "accuracy")
    values = ours.values(cell, column)
    n, mean, std = summarise(values)
    if blocked:
        verdict = Verdict("not comparable", "; ".join(blocked), mean - row.value)
    else:
        chance = 100 / data.info(cell.dataset).classes
        verdict = judge(values, spread(ours.neighbours(cell, column), _target(cell)), row, chance)
    named = asdict(verdict)
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
        "verdict": named.pop("word"),
        **named,
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
)


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _line(cell: Cell) -> tuple[str, str, str]:
    return cell.dataset, cell.architecture, cell.method


def _target(cell: Cell) -> float:
    return 0.0 if cell.point is None else cell.point


def shares(compared: pd.DataFrame) -> dict[str, Counter[str]]:
    """How often the anchors of each method (whatever its hyper-parameters) got each verdict."""
    anchors = compared[compared["anchor"].astype(bool)]
    found: dict[str, Counter[str]] = {}
    for method, word in zip(anchors["method"], anchors["verdict"], strict=True):
        found.setdefault(parse(method)[0], Counter())[word] += 1
    return found

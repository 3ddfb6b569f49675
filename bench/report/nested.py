"""Nested levels (ELSA): their accuracy beside networks of their own, and what they cost to store. Needs no torch."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from bench import catalog
from bench.base.spelling import Spelling
from bench.errors import UserError
from bench.names import parse, show
from bench.report.layout import Block, Number, Text, Value, known, signed
from bench.results.diagnostics import NESTED

if TYPE_CHECKING:
    from bench.plan.grid import CellKey
    from bench.report.cell import CellResult

HEAD = (
    "Method",
    "Level",
    "Accuracy",
    "− alone",
    "− alone, as long as all levels so far",
    "− one-shot",
    "Mask",
    "Own parameters",
    "Overhead",
    "Overhead × dense",
)


def block(results: Iterable[CellResult], accuracy: Mapping[CellKey, Text]) -> Block:
    """The levels of every method that has some.

    Alone is the method of the levels, or the dense network at 0, in the same table; as long as all levels so far is
    such a row under another recipe (a grid's field `trainings`) of that many epochs.

    Args:
        results: from `bench.report.summary.cells`.
        accuracy: what stands for the accuracy of a cell.
    """
    results = list(results)
    percentage = Spelling.of(each.point for each in results).percentage
    rows = []
    for method in dict.fromkeys(each.method for each in results):
        levels = [each for each in results if each.method == method and _overhead(each) >= 0]
        levels.sort(key=_sparsity, reverse=True)
        for number, each in enumerate(levels, 1):
            others = (_alone(each, results), _as_long(each, results, number), _row("one_shot", each.point, results))
            sizes = [Number(each.diagnostics[name] / 1000, form="{:.1f}".format, unit="kB") for name in NESTED]
            overhead = Number(_overhead(each) / (4 * each.means.parameters), form="{:.4f}".format)
            values = [*(_difference(each, other) for other in others), *sizes, overhead]
            level = Number(_sparsity(each), form=percentage, unit="%")
            rows.append((Text(method), Text(level), accuracy[each.cell.key], *map(Text, values)))
    return Block("Nested levels, and networks trained alone (differences in points)", HEAD, tuple(rows))


def _overhead(level: CellResult) -> float:
    return level.diagnostics["overhead_bytes"]


def _sparsity(level: CellResult) -> float:
    return level.point or 0.0


def _of(level: CellResult) -> str:
    """The method that makes the levels, as rows name it; the dense network for the last."""
    name, fields = parse(level.method)
    fields.pop("training", None)
    try:
        return show(*catalog.parse(catalog.create(name, fields).of)) if level.point else "dense"  # type: ignore[attr-defined]
    except (UserError, AttributeError):  # a record may be of a method that is not here
        return ""


def _row(method: str, point: float | None, results: list[CellResult]) -> CellResult | None:
    """The cell of a method at a point, or of the dense network."""
    return next((each for each in results if each.method == method and each.point in (point, None)), None)


def _alone(level: CellResult, results: list[CellResult]) -> CellResult | None:
    return _row(_of(level), level.point, results)


def _as_long(level: CellResult, results: list[CellResult], number: int) -> CellResult | None:
    """The row of the same method whose training is `number` times as long."""
    alone = _alone(level, results)
    if alone is None or number == 1:
        return alone
    for method in dict.fromkeys(each.method for each in results):
        name, fields = parse(method)
        if fields.pop("training", None) is not None and show(name, fields) == _of(level):
            found = _row(method, level.point, results)
            if found and math.isclose(found.means.epochs, number * alone.means.epochs, rel_tol=0.01):
                return found
    return None


def _difference(level: CellResult, other: CellResult | None) -> Value:
    return "" if other is None else known(Number(level.mean - other.mean, form=signed))

"""Nested levels (ELSA): their accuracy beside networks of their own, and what they cost to store. Needs no torch."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from bench import catalog
from bench.base.spelling import Spelling
from bench.errors import UserError
from bench.names import parse, show
from bench.report.layout import Block, Text, same, signed
from bench.results.diagnostics import NESTED

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

Line = Mapping[str, Any]


def block(lines: Iterable[Line], accuracy: Mapping[Any, Text]) -> Block:
    """The levels of every method that has some.

    Alone is the method of the levels, or the dense network at 0, in the same table; as long as all levels so far is
    such a row under another recipe (a grid's field `trainings`) of that many epochs.

    Args:
        lines: of `bench.report.summary.cells`.
        accuracy: what stands for the accuracy of a cell, by method and point.
    """
    lines = list(lines)
    percent = Spelling.of(line["point"] for line in lines).percent
    rows = []
    for method in dict.fromkeys(line["method"] for line in lines):
        levels = [line for line in lines if line["method"] == method and not math.isnan(line["overhead_bytes"])]
        levels.sort(key=lambda line: -line["point"])
        for number, line in enumerate(levels, 1):
            others = (_alone(line, lines), _as_long(line, lines, number), _row("one_shot", line["point"], lines))
            sizes = [f"{line[name] / 1000:.1f} kB" for name in NESTED]
            texts = [_difference(line, other) for other in others] + sizes
            texts.append(f"{line['overhead_bytes'] / (4 * line['parameters']):.4f}")
            shown = (Text(method), Text(percent(line["point"])), accuracy[method, same(line["point"])])
            rows.append((*shown, *map(Text, texts)))
    return Block("Nested levels, and networks trained alone (differences in points)", HEAD, tuple(rows))


def _of(line: Line) -> str:
    """The method that makes the levels, as rows name it; the dense network for the last."""
    name, fields = parse(line["method"])
    fields.pop("training", None)
    try:
        return show(*catalog.parse(catalog.create(name, fields).of)) if line["point"] else "dense"  # type: ignore[attr-defined]
    except (UserError, AttributeError):  # a record may be of a method that is not here
        return ""


def _row(method: str, point: float, lines: list[Line]) -> Line | None:
    at = (line for line in lines if line["method"] == method)
    return next((line for line in at if method.startswith("dense") or line["point"] == point), None)


def _alone(level: Line, lines: list[Line]) -> Line | None:
    return _row(_of(level), level["point"], lines)


def _as_long(level: Line, lines: list[Line], number: int) -> Line | None:
    """The row of the same method whose training is `number` times as long."""
    alone = _alone(level, lines)
    if alone is None or number == 1:
        return alone
    for method in dict.fromkeys(line["method"] for line in lines):
        name, fields = parse(method)
        if fields.pop("training", None) is not None and show(name, fields) == _of(level):
            found = _row(method, level["point"], lines)
            if found is not None and math.isclose(found["epochs"], number * alone["epochs"], rel_tol=0.01):
                return found
    return None


def _difference(level: Line, other: Line | None) -> str:
    return "" if other is None else signed(level["mean"] - other["mean"])

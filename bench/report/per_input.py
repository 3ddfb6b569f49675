"""Methods that decide per input which filters to compute: what their tables show. Needs no torch."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from bench import catalog
from bench.base.spelling import Spelling
from bench.errors import UserError
from bench.names import parse
from bench.report.layout import Block, Text, points


def decides(method: str) -> bool:
    """Whether a method, ``ftwt[pool=max]``, decides per input, so that its points are no sparsities."""
    return _meaning(method) == "dynamic"


def is_target(method: str) -> bool:
    """Whether a method's points are the sparsities it has: not decided per input, nor a label of what it reaches."""
    return _meaning(method) not in ("dynamic", "reached")


def point_name(method: str, point: float | None, spelling: Spelling) -> str:
    """``95 %``, ``r = 0.9`` for what is decided per input, ``0 %`` for the dense network."""
    if point is None or math.isnan(point):
        return spelling.percent(0)
    return f"r = {spelling.number(point)}" if decides(method) else spelling.percent(point)


def _meaning(method: str) -> str:
    try:
        return catalog.method_class(parse(method)[0]).meaning
    except UserError:  # a record may be of a method that is not here
        return ""


HEAD = (
    "Method",
    "Point",
    "Accuracy",
    "Drop",
    "MACs saved",
    "Saved by the paper's count",
    "MACs saved, estimated",
    "By the paper's count, estimated",
    "Predictors' MACs",
    "Filters kept",
)


def block(lines: Iterable[Mapping[str, Any]], accuracy: Mapping[Any, Text]) -> Block:
    """Accuracy, drop and savings of the cells whose method decides per input.

    Args:
        lines: of `bench.report.summary.cells`.
        accuracy: what stands for the accuracy of a cell, by method and point.
    """
    columns = ("reduction_strict", "reduction_paper", "reduction_strict_estimated", "reduction_paper_estimated")
    lines = list(lines)
    number = Spelling.of(line["point"] for line in lines).number
    rows = []
    for line in lines:
        if decides(line["method"]):
            numbers = [_percentage(line[name]) for name in (*columns, "predictors", "filters_kept")]
            texts = [Text(text) for text in (points(line["drop"]), *numbers)]
            point = Text(number(line["point"]))
            rows.append((Text(line["method"]), point, accuracy[line["method"], line["point"]], *texts))
    return Block(
        "Decided per input (means over all test images, in % of the dense network; estimated before training)",
        HEAD,
        tuple(rows),
    )


def _percentage(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.2f} %".replace("-", "−")

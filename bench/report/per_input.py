"""Methods that decide per input which filters to compute: what their tables show. Needs no torch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from bench import catalog
from bench.base.spelling import Spelling
from bench.errors import UserError
from bench.names import parse
from bench.report.layout import Block, Number, Text, known

if TYPE_CHECKING:
    from bench.plan.grid import CellKey
    from bench.report.cell import CellResult


def decides(method: str) -> bool:
    """Whether a method, ``ftwt[pool=max]``, decides per input, so that its points are no sparsities."""
    return _meaning(method) == "dynamic"


def is_target(method: str) -> bool:
    """Whether a method's points are the sparsities it has: not decided per input, nor a label of what it reaches."""
    return _meaning(method) not in ("dynamic", "reached")


def point_name(method: str, point: float | None, spelling: Spelling) -> str:
    """``95 %``, ``r = 0.9`` for what is decided per input, ``0 %`` for the dense network."""
    if point is None:
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


def block(results: Iterable[CellResult], accuracy: Mapping[CellKey, Text]) -> Block:
    """Accuracy, drop and savings of the cells whose method decides per input.

    Args:
        results: from `bench.report.summary.cells`.
        accuracy: what stands for the accuracy of a cell.
    """
    columns = ("reduction_strict", "reduction_paper", "reduction_strict_estimated", "reduction_paper_estimated")
    results = list(results)
    spelled = Spelling.of(each.point for each in results).number
    rows = []
    for each in results:
        if decides(each.method):
            shares = [Number(each.diagnostics[name], unit="%") for name in (*columns, "predictors", "filters_kept")]
            values = [Text(known(number)) for number in (Number(each.drop), *shares)]
            point = Text(Number(each.point or 0, form=spelled))
            rows.append((Text(each.method), point, accuracy[each.cell.key], *values))
    return Block(
        "Decided per input (means over all test images, in % of the dense network; estimated before training)",
        HEAD,
        tuple(rows),
    )

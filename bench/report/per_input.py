"""What the points of a method mean: for some they are no sparsities. Needs no torch."""

from __future__ import annotations

from bench import catalog
from bench.base.spelling import Spelling
from bench.errors import UserError
from bench.names import parse


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

"""Which operating points a method takes: the same check for a grid's and for those of a command line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from bench.base import bounds
from bench.base.spelling import exact
from bench.errors import UserError

if TYPE_CHECKING:
    from bench.method import Method

SPARSITY = bounds.Interval.read("[0, 1)")
"""What a point may be unless the method's ``bounds`` state another interval for ``points``."""


def interval(method: Method) -> bounds.Interval:
    """The points that a method takes."""
    return bounds.stated(type(method)).get(bounds.POINTS, SPARSITY)


def check(method: Method, text: str, points: Sequence[float]) -> None:
    """Raise `UserError` if this method (`text` in the sentence) does not take a point, or a point is repeated."""
    allowed = interval(method)
    for point in points:
        if point not in allowed:
            raise UserError(f"a point of method '{text}' has to be {allowed}, not {exact(point)}{perhaps(point)}.")
    for point, count in Counter(points).items():
        if count > 1:
            raise UserError(f"the point {exact(point)} of method '{text}' is listed twice.")


def check_run(method: Method, text: str, points: Sequence[float]) -> None:
    """Raise `UserError` unless one run of a method yields results at exactly these points."""
    if method.meaning == "none" and points:
        raise UserError(f"method '{text}' has no sparsity to reach; leave --sparsity out.")
    if method.meaning != "none" and not points:
        raise UserError(f"method '{text}' needs a sparsity, as in --sparsity 0.9.")
    if len(points) > 1 and not method.joint:
        listed = ", ".join(map(exact, points))
        raise UserError(f"method '{text}' takes one sparsity a run, not {listed}; a grid has a run for each.")
    check(method, text, points)


def perhaps(point: float) -> str:
    """A hint for points written in percent: `` (did you mean 0.95?)`` for 95."""
    return f" (did you mean {exact(round(point / 100, 12))}?)" if 1 < point < 100 else ""

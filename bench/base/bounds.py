"""What numbers a hyper-parameter may be: intervals that its class states, ``bounds = {"batches": "[1, 1000]"}``.

A literal, which digests of methods leave out (`bench.identity.STATEMENTS`): stating or moving a bound trains nothing
again.
"""

from __future__ import annotations

import dataclasses
import math
import re
from dataclasses import dataclass
from functools import cache
from typing import Any, Self

from bench.base.nearest import hint
from bench.base.wording import number
from bench.errors import UserError

POINTS = "points"
"""Stated beside the fields: what a grid's points may be for a method whose target is no sparsity in [0, 1)."""

_FORM = re.compile(r"([\[(])\s*([^\s,]+)\s*,\s*([^\s,]+)\s*([\])])")


@dataclass(frozen=True)
class Interval:
    """The numbers between two others, which belong to it or not.

    Attributes:
        low, high: where it ends.
        with_low, with_high: whether that end belongs to it.
    """

    low: float
    high: float
    with_low: bool
    with_high: bool

    @classmethod
    def read(cls, text: str) -> Self:
        """Read ``[0, 1)`` or ``(0, inf)``. Raises `ValueError` if the text is another or no number lies inside."""
        found = _FORM.fullmatch(text.strip())
        if found is None:
            raise ValueError(text)
        left, low, high, right = found.groups()
        interval = cls(float(low), float(high), left == "[", right == "]")
        if not interval.low < interval.high:
            raise ValueError(text)
        return interval

    def __contains__(self, number: float) -> bool:
        """Whether a number lies inside; NaN never does."""
        above = number >= self.low if self.with_low else number > self.low
        below = number <= self.high if self.with_high else number < self.high
        return above and below

    def __str__(self) -> str:
        """In words: ``at least 0 and below 1``."""
        if self.with_low and self.with_high:
            return f"from {number(self.low)} to {number(self.high)}"
        low = "" if self.low == -math.inf else f"{'at least' if self.with_low else 'above'} {number(self.low)}"
        high = "" if self.high == math.inf else f"{'at most' if self.with_high else 'below'} {number(self.high)}"
        return " and ".join(filter(None, (low, high)))


def stated(cls: type) -> dict[str, Interval]:
    """The bounds of a class' fields; it may move those of its parents.

    Raises `UserError` if what is stated is no interval, is of no field, or leaves out the field's own default.
    """
    key: Any = cls
    return _stated(key)


@cache
def _stated(cls: type) -> dict[str, Interval]:
    fields = {field.name: field for field in dataclasses.fields(cls)} if dataclasses.is_dataclass(cls) else {}
    found: dict[str, Interval] = {}
    for base in reversed(cls.__mro__):
        found |= _read(base, fields)
    for name, interval in found.items():
        default = fields[name].default if name in fields else None
        if outside(default, interval):
            raise UserError(f"{cls.__name__}: the default of '{name}' has to be {interval}, not {default!r}.")
    return found


def _read(cls: type, fields: dict[str, Any]) -> dict[str, Interval]:
    statement = vars(cls).get("bounds", {})
    where = f"{cls.__name__}.bounds"
    if not isinstance(statement, dict):
        raise UserError(f"{where} has to map fields to intervals, as in {{'strength': '(0, 10]'}}.")
    found = {}
    for name, text in statement.items():
        if name not in fields and name != POINTS:
            raise UserError(f"{where}: there is no field {name!r}; {hint(str(name), fields)}")
        try:
            found[name] = Interval.read(text)
        except (ValueError, AttributeError):
            raise UserError(f"{where}: {text!r} of '{name}' is no interval such as '[0, 1)' or '(0, inf)'.") from None
    return found


def outside(value: Any, interval: Interval) -> bool:
    """Whether a number, or one of a tuple's, is not in an interval. Texts, truth values and None are no numbers."""
    if isinstance(value, tuple | list):
        return any(outside(each, interval) for each in value)
    return isinstance(value, int | float) and not isinstance(value, bool) and value not in interval

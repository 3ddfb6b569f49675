"""How operating points are written: with six digits, and with more where points side by side would look alike."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

DIGITS = 6
"""Of a point that is told from its siblings by them."""

SAFE = 15
"""Digits that a float has for sure; with more, 0.95 would become 0.9499…96."""


def exact(number: float) -> str:
    """The shortest text that reads back as the very same number: ``0.9``, ``1`` for 1.0."""
    return repr(float(number)).removesuffix(".0")


@dataclass(frozen=True)
class Spelling:
    """How points are written that stand side by side.

    Attributes:
        digits: significant ones, at most; beyond `SAFE`, all that a point has.
    """

    digits: int = DIGITS

    @classmethod
    def of(cls, points: Iterable[float | None]) -> Spelling:
        """With as many digits as it takes that no two of these points look alike, and none below 1 like 1."""
        different = {point for point in points if point is not None and not math.isnan(point)} | {1.0}
        for found in map(cls, range(DIGITS, SAFE + 1)):
            if all(len(set(map(write, different))) == len(different) for write in (found.number, found.percent)):
                return found
        return EXACT

    def number(self, point: float) -> str:
        """``0.95``."""
        return f"{point:.{self.digits}g}" if self.digits <= SAFE else exact(point)

    def percent(self, point: float) -> str:
        """``95 %``."""
        if self.digits > SAFE:
            return f"{Decimal(exact(point)).scaleb(2):f} %"
        return f"{100 * point:.{self.digits}g} %"

    def name(self, point: float | None) -> str:
        """``95 %``, or ``dense`` for a network that has no point."""
        return "dense" if point is None else self.percent(point)

    def at(self, *points: float) -> str:
        """`` at 95 %`` or `` at 95 % and 98 %``, nothing for NaN (the dense network)."""
        shown = [self.percent(point) for point in points if not math.isnan(point)]
        return f" at {' and '.join(shown)}" if shown else ""


EXACT = Spelling(SAFE + 1)
"""Tells any two points apart, whatever their siblings: for keys."""

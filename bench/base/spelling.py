"""How operating points are written: with six digits, and with more where points side by side would look alike."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal

DIGITS = 6
"""Of a point that they tell from its siblings."""

SAFE = 15
"""Digits that a float has for sure; with more, 0.95 would become 0.9499…96."""


def exact(number: float) -> str:
    """The shortest text that reads back as the very same number: ``0.9``, ``1`` for 1.0."""
    return repr(float(number)).removesuffix(".0")


@dataclass(frozen=True)
class Spelling:
    """How points are written that stand side by side: no two of them alike.

    Attributes:
        siblings: all of them.
        digits: at least so many are written, where a point has them; beyond `SAFE`, all that it has.
    """

    siblings: frozenset[float] = frozenset()
    digits: int = DIGITS

    @classmethod
    def of(cls, points: Iterable[float | None]) -> Spelling:
        """That of these points; nothing below 1 is written like 1."""
        return cls(frozenset(point for point in points if point is not None and not math.isnan(point)) | {1.0})

    def number(self, point: float) -> str:
        """``0.95``."""
        return self._shortest(point, lambda value, digits: f"{value:.{digits}g}") or exact(point)

    def percentage(self, point: float) -> str:
        """``95``."""
        found = self._shortest(point, lambda value, digits: f"{100 * value:.{digits}g}")
        return found or f"{Decimal(exact(point)).scaleb(2):f}"

    def percent(self, point: float) -> str:
        """``95 %``."""
        return f"{self.percentage(point)} %"

    def name(self, point: float | None) -> str:
        """``95 %``, or ``dense`` for a network that has no point."""
        return "dense" if point is None else self.percent(point)

    def target(self, point: float | None) -> str:
        """``95 %``, or nothing for NaN or None (the dense network)."""
        return "" if point is None or math.isnan(point) else self.percent(point)

    def at(self, *points: float | None) -> str:
        """`` at 95 %`` or `` at 95 % and 98 %``, nothing for NaN or None (the dense network)."""
        shown = [text for text in map(self.target, points) if text]
        return f" at {' and '.join(shown)}" if shown else ""

    def _shortest(self, point: float, write: Callable[[float, int], str]) -> str:
        """The text of a point with the fewest digits that no sibling shares; empty if it takes more than `SAFE`."""
        others = self.siblings - {point}
        for digits in range(self.digits, SAFE + 1):
            text = write(point, digits)
            if all(write(other, digits) != text for other in others):
                return text
        return ""


EXACT = Spelling(digits=SAFE + 1)
"""Tells any two points apart, whatever their siblings: for keys."""

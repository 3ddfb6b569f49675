"""How long one thing takes in terms of another, both run in turn."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from statistics import median, quantiles
from typing import Any, Literal

Better = Literal["lower", "higher"]


@dataclass(frozen=True)
class Ratio:
    """A measured ratio and the target it is held to.

    Attributes:
        what, against: what is divided by what.
        ratio: of times or bytes where ``lower`` is better, of speeds where ``higher`` is.
        low, high: the quartiles of the ratios of single pairs; the ratio itself if there is one pair.
        target: the ratio wanted; None where there is no target.
        better: in which direction.
    """

    what: str
    against: str
    ratio: float
    low: float
    high: float
    target: float | None
    better: Better

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None without one."""
        if self.target is None:
            return None
        return self.ratio <= self.target if self.better == "lower" else self.ratio >= self.target

    def sentence(self) -> str:
        """One line for the terminal."""
        sign = "" if self.target is None else f", target {'≤' if self.better == 'lower' else '≥'} {self.target:g}"
        return f"{self.what} : {self.against} = {self.ratio:.3f} ({self.low:.3f} to {self.high:.3f}{sign})"


def of_pairs(what: str, against: str, pairs: list[tuple[float, float]], target: float | None, better: Better) -> Ratio:
    """The median over (measured, against) of measured / against, or its inverse where a higher speed is better."""
    found = [a / b if better == "lower" else b / a for a, b in pairs]
    low, _, high = quantiles(found, n=4, method="inclusive") if len(found) > 1 else found * 3
    return Ratio(what, against, median(found), low, high, target, better)


def compare(
    benchmark: Any,
    what: str,
    measured: Callable[[], float | None],
    against: str,
    other: Callable[[], float | None],
    *,
    target: float | None,
    better: Better = "lower",
    rounds: int,
    warm_up: int = 1,
    clock: Callable[[], float] = time.process_time,
) -> Ratio:
    """Run `other` and `measured` in turn, and note the ratio in the benchmark's JSON.

    What a function returns, if anything, is its cost (seconds of its own, bytes); else it is the time that it takes.
    """
    costs: list[tuple[float, float]] = []
    before: list[float] = []

    def setup() -> None:
        before[:] = [_cost(other, clock)]

    def run() -> None:
        costs.append((_cost(measured, clock), before[0]))

    benchmark.pedantic(run, setup=setup, rounds=rounds, warmup_rounds=warm_up)
    found = of_pairs(what, against, costs[warm_up:], target, better)
    benchmark.extra_info.update(asdict(found))
    return found


def _cost(function: Callable[[], float | None], clock: Callable[[], float]) -> float:
    begin = clock()
    returned = function()
    return clock() - begin if returned is None else returned

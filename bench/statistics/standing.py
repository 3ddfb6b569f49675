"""Where methods stand, seen from the one that came out best: three words for what a single mark would confuse."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from scipy.special import stdtr

from bench.statistics import quantile, summarise, welch_degrees
from bench.statistics.ranking import LEVEL, holm, welch

MOST_SEEDS = 1000
"""Beyond this, no number of seeds is said to tell two methods apart."""


class Place(StrEnum):
    """What is known of a method's true mean, seen from the best one's."""

    WITHIN = "within"
    """Less than the margin below it: whether it is lower at all does not matter."""
    WORSE = "worse"
    """Below it."""
    OPEN = "open"
    """Neither is certain."""


@dataclass(frozen=True)
class Standing:
    """A method's place, and where that is open the number of seeds that would probably tell; None if none would."""

    place: Place
    seeds: int | None = None


def standings(best: Sequence[float], rivals: Sequence[Sequence[float]], margin: float | None) -> list[Standing]:
    """The places of rivals, by Welch's tests, each kind corrected with `holm` for the number of rivals.

    The best was chosen by looking at the same numbers, which favours it. What is promised is therefore this: the truly
    best of all is called worse with a probability of at most `LEVEL`, however many rivals it has.

    Args:
        best: values of the method with the highest mean, one per seed.
        rivals: those of the others.
        margin: a smaller difference does not matter; None if that was not fixed, and then nothing is within.
    """
    lower = holm([welch(best, rival) for rival in rivals])
    near = holm([_near(best, rival, margin) for rival in rivals])
    found = []
    for rival, below, within in zip(rivals, lower, near, strict=True):
        if within < LEVEL:
            found.append(Standing(Place.WITHIN))
        elif below < LEVEL:
            found.append(Standing(Place.WORSE))
        else:
            found.append(Standing(Place.OPEN, seeds_needed(best, rival, margin, len(rivals))))
    return found


def _near(best: Sequence[float], rival: Sequence[float], margin: float | None) -> float:
    """One-sided p value of Welch's test that the rival is `margin` or more below; NaN where it can't be made."""
    (n, mean, std), (m, other, spread) = summarise(best), summarise(rival)
    if margin is None or min(n, m) < 2:
        return math.nan
    errors = (std**2 / n, n - 1.0), (spread**2 / m, m - 1.0)
    error, room = math.sqrt(errors[0][0] + errors[1][0]), margin - (mean - other)
    if error == 0:
        return float(room <= 0)
    return float(stdtr(welch_degrees(*errors), -room / error))


def seeds_needed(best: Sequence[float], rival: Sequence[float], margin: float | None, tests: int) -> int | None:
    """The least number of seeds of both at which one of the tests decides if means and spreads stay as they are."""
    (n, mean, std), (m, other, spread) = summarise(best), summarise(rival)
    if min(n, m) < 2:
        return None
    gap = mean - other

    def decides(seeds: int) -> bool:
        errors = (std**2 / seeds, seeds - 1.0), (spread**2 / seeds, seeds - 1.0)
        error, degrees = math.sqrt(errors[0][0] + errors[1][0]), welch_degrees(*errors)
        lower = gap > quantile(1 - LEVEL / tests / 2, degrees) * error
        return lower or (margin is not None and margin - gap > quantile(1 - LEVEL / tests, degrees) * error)

    candidates = range(min(n, m) + 1, MOST_SEEDS + 1)
    index = bisect_left(candidates, True, key=decides)
    return candidates[index] if index < len(candidates) else None

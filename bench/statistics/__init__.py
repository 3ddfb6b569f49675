"""Means, spreads and intervals of accuracies over seeds, in the unit of the values.

`bench.statistics.ranking` compares many methods at once and orders with each other, `bench.statistics.bootstrap` says
how sure a figure is that is made of many cells.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean
from typing import Literal, NamedTuple

import numpy as np
from scipy.special import stdtrit

Interval = tuple[float, float]
UNKNOWN: Interval = (math.nan, math.nan)
Relation = Literal["within", "above", "below", "open"]


class Summary(NamedTuple):
    """Number of values, their mean (NaN for none) and sample standard deviation (n − 1; NaN below two)."""

    n: int
    mean: float
    std: float


def summarise(values: Sequence[float]) -> Summary:
    """Count, mean and sample standard deviation."""
    return Summary(len(values), fmean(values) if values else math.nan, _std(values))


def interval(values: Sequence[float], confidence: float = 0.95) -> Interval:
    """Student's t-interval of the mean; NaN below two values."""
    n, mean, std = summarise(values)
    if n < 2:
        return UNKNOWN
    half = quantile((1 + confidence) / 2, n - 1) * std / math.sqrt(n)
    return mean - half, mean + half


def difference(ours: Sequence[float], theirs: Sequence[float], confidence: float = 0.95) -> Interval:
    """Welch's interval of mean(ours) − mean(theirs), which assumes no common variance; NaN below two values."""
    if min(len(ours), len(theirs)) < 2:
        return UNKNOWN
    centre = fmean(ours) - fmean(theirs)
    errors = [(_std(values) ** 2 / len(values), len(values) - 1.0) for values in (ours, theirs)]
    half = quantile((1 + confidence) / 2, welch_degrees(*errors)) * math.sqrt(errors[0][0] + errors[1][0])
    return centre - half, centre + half


def equivalence(interval: Interval, margin: float) -> Relation:
    """Where the interval of a difference lies: within ± margin, wholly above or below it, or neither (open).

    With a 90 % interval these are two one-sided t-tests at 5 % (Schuirmann 1987). An interval that is not known, or a
    difference that is merely "not significant", decides nothing.
    """
    low, high = interval
    if -margin <= low and high <= margin:
        return "within"
    return "above" if low > margin else "below" if high < -margin else "open"


def welch_degrees(ours: tuple[float, float], theirs: tuple[float, float]) -> float:
    """Degrees of freedom of a sum of two squared standard errors (Welch–Satterthwaite).

    Each argument is (squared standard error, degrees of freedom of its estimate).
    """
    total = ours[0] + theirs[0]
    if total == 0:
        return ours[1] + theirs[1]
    share = ours[0] / total
    return 1 / (share**2 / ours[1] + (1 - share) ** 2 / theirs[1])


def quantile(probability: float, degrees: float) -> float:
    """The quantile of Student's t distribution."""
    return float(stdtrit(degrees, probability))


def _std(values: Sequence[float]) -> float:
    return float(np.std(values, ddof=1)) if len(values) > 1 else math.nan

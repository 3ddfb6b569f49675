"""Comparing many methods at once, and the order of methods with another order of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import stdtr

from bench import seeds
from bench.statistics import summarise, welch_degrees

LEVEL = 0.05
"""How often the truly best of a column may be told from the one that came out best."""

PERMUTATIONS = 9999
"""Random orders that stand for all of them, where there are ties and too many methods to try every order."""


class Agreement(NamedTuple):
    """Kendall's τ-b of two orders (1: the same, −1: reversed; NaN if one of them is all ties), and its p value."""

    tau: float
    p: float


def welch(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Two-sided p value of Welch's test that two means are equal; NaN below two values each."""
    (n, mean, std), (m, other, spread) = summarise(ours), summarise(theirs)
    if min(n, m) < 2:
        return math.nan
    errors = (std**2 / n, n - 1.0), (spread**2 / m, m - 1.0)
    error = math.sqrt(errors[0][0] + errors[1][0])
    if error == 0:
        return float(mean == other)
    return float(2 * stdtr(welch_degrees(*errors), -abs(mean - other) / error))


def holm(values: Sequence[float]) -> list[float]:
    """Correct p values for their number (Holm 1979): the k-th smallest of m times m − k + 1, never out of order.

    However many of the hypotheses are true, one of them is rejected at `LEVEL` with that probability at most. NaN
    stands for a test that could not be made: it stays NaN and is not counted.
    """
    known = sorted((value, index) for index, value in enumerate(values) if not math.isnan(value))
    corrected, highest = [math.nan] * len(values), 0.0
    for rank, (value, index) in enumerate(known):
        highest = max(highest, min(1.0, (len(known) - rank) * value))
        corrected[index] = highest
    return corrected


def agreement(ours: Sequence[float], theirs: Sequence[float]) -> Agreement:
    """Do two lists order the same things alike? The p value is of orders that have nothing to do with each other.

    It is exact without ties, and with ties where the number of orders is small; else that of `PERMUTATIONS` random
    ones. (NaN, NaN) below two things.
    """
    from scipy import stats

    x, y = np.asarray(ours, float), np.asarray(theirs, float)
    if len(x) < 2 or len(set(ours)) == 1 or len(set(theirs)) == 1:
        return Agreement(math.nan, math.nan)
    if len(set(ours)) == len(set(theirs)) == len(x):
        found = stats.kendalltau(x, y, method="exact")
        return Agreement(float(found.statistic), float(found.pvalue))
    # A permutation leaves the ties as they are, so pairs in the same order minus pairs in reversed order is enough.
    pairs = np.triu_indices(len(x), 1)
    signs = np.sign(y[pairs[0]] - y[pairs[1]])

    def concordance(order: np.ndarray, axis: int) -> np.ndarray:
        shuffled = np.moveaxis(order, axis, -1)
        return np.asarray((np.sign(shuffled[..., pairs[0]] - shuffled[..., pairs[1]]) * signs).sum(-1))

    rng = np.random.default_rng(seeds.seed_for(0, "permutation"))
    tested = stats.permutation_test(
        (x,), concordance, permutation_type="pairings", n_resamples=PERMUTATIONS, vectorized=True, rng=rng
    )
    return Agreement(float(stats.kendalltau(x, y).statistic), float(tested.pvalue))

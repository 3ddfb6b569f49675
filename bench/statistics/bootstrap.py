"""Figures made of many cells, each with a few seeds, and how far other seeds would move them.

The ideas are those of Agarwal et al. 2021 (arXiv:2108.13264): interquartile means, intervals by a bootstrap that is
stratified by cell, and the probability that one method's run is better than another's. Seeds are few here, so of the
n values of a cell n − 1 are drawn, with replacement (McCarthy and Snowden 1985): drawing n would make the variance of
a cell's mean too small by (n − 1)/n, which with three seeds is a third.

An interval says how the figure would come out with other seeds on the same cells; about other networks or data sets
it says nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, stdtr

from bench import seeds
from bench.statistics import UNKNOWN, Interval, quantile

DRAWS = 4000
"""Bootstrap samples."""

FEWEST_GROUPS = 5
"""So few groups say nothing of how groups differ."""

Cells = Sequence[Sequence[float]]
"""The values of a method: of each cell, one per seed."""

Array = NDArray[np.float64]


def iqm(values: Array) -> Array:
    """The mean of the middle half along the last axis: an outlier moves it little, and it uses more than a median."""
    from scipy import stats

    return np.asarray(stats.trim_mean(values, 0.25, axis=-1))


def draws(cells: Cells, *purpose: str) -> list[Array]:
    """`DRAWS` resamples of each cell, of shape (draws, n − 1); the same for the same purpose.

    Raises `ValueError` for a cell with fewer than two values, of which nothing can be learnt.
    """
    if any(len(values) < 2 for values in cells):
        raise ValueError("every cell needs two values")
    rng = np.random.default_rng(seeds.seed_for(0, "bootstrap", *purpose))
    return [rng.choice(np.asarray(values, float), (DRAWS, len(values) - 1)) for values in cells]


def percentiles(drawn: Array, degrees: float, confidence: float = 0.95) -> Interval:
    """The middle of a bootstrap distribution, as much wider as Student's t is than the normal distribution.

    A bootstrap knows nothing of how uncertain a spread is that was estimated with few `degrees` of freedom (Hesterberg
    2015, arXiv:1411.5279, calls this the expanded percentile interval).
    """
    tail = float(ndtr(quantile((1 - confidence) / 2, degrees)))
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return float(low), float(high)


def p_value(difference: float, drawn: Array, degrees: float) -> float:
    """Two-sided p value of a difference being 0, by a t-test whose standard error is that of the bootstrap."""
    error = float(np.std(drawn))
    if error == 0:
        return float(difference == 0)
    return float(2 * stdtr(degrees, -abs(difference) / error))


def improvement(ours: Sequence[Array], theirs: Sequence[Array]) -> Array:
    """The probability that a run of ours is better than one of theirs in the same cell, as the mean over cells.

    Values lie along the last axis, and others (draws) before it. Equal values count half.
    """
    shares = []
    for a, b in zip(ours, theirs, strict=True):
        difference = a[..., :, None] - b[..., None, :]
        shares.append(((difference > 0) + 0.5 * (difference == 0)).mean(axis=(-2, -1)))
    return np.asarray(np.mean(shares, axis=0))


def clusters(groups: Cells, *purpose: str, confidence: float = 0.95) -> Interval:
    """The interval of the mean of all values, whole groups of which are drawn because those within one are alike.

    (NaN, NaN) below `FEWEST_GROUPS`.
    """
    if len(groups) < FEWEST_GROUPS:
        return UNKNOWN
    sums, counts = np.array([sum(group) for group in groups]), np.array([len(group) for group in groups])
    rng = np.random.default_rng(seeds.seed_for(0, "clusters", *purpose))
    chosen = rng.integers(len(groups), size=(DRAWS, len(groups) - 1))
    return percentiles(sums[chosen].sum(-1) / counts[chosen].sum(-1), len(groups) - 1, confidence)

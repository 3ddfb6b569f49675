"""Whether a comparison can decide at all, known before anything runs.

The power of a comparison is how often it ends in ``reproduced`` if the paper is exactly right. It depends on how much
seeds scatter, which nobody knows beforehand. It is taken from what is printed with the number, for the same network at
whatever sparsities, or for the same data set, or assumed (`scatter`); verdicts never rest on it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

import numpy as np
from scipy.special import chdtri, ndtr

from bench.published import Published, Row
from bench.published.margins import EXTREME_SPARSITY
from bench.published.readings import level
from bench.published.rule import LEVEL, Source, half_width, source, spread
from bench.published.verdict import COLLAPSED, Scale, margin

MOST_SEEDS = 20
"""Nobody is told to run more for one number."""

POWER = 0.5
"""Below this, a comparison of a paper that is exactly right more probably ends open than reproduced."""

FEWEST_ROWS = 3
"""A median is taken of so many printed spreads at least."""

ASSUMED = 0.3
"""Of the margin: the spread where none is printed for a network or a data set."""

STEPS = 200
"""Quantiles of our standard deviation over which power is averaged."""


@dataclass(frozen=True)
class Scatter:
    """A guess of the standard deviation over seeds, in points, and what it rests on."""

    std: float
    basis: str


@dataclass(frozen=True)
class Prospect:
    """What a comparison with a row could come to.

    Attributes:
        scatter: what is assumed of our seeds.
        seeds: the fewest that decide with a power of `POWER`; None if `MOST_SEEDS` do not, or if the
            number is one of guessing.
        level: of each one-sided test.
    """

    row: Row
    scatter: Scatter
    seeds: int | None
    level: float = LEVEL

    def power(self, seeds: int, share: float = 1.0) -> float:
        """How often so many seeds end in ``reproduced`` if the paper is exactly right; 0 if the rule asks for more.

        Args:
            seeds: of ours.
            share: of `level`, to which a look is held.
        """
        return _power(self.row, self.scatter, seeds, self.level * share)

    def decided(self, seeds: int) -> bool:
        """Whether so many seeds decide, more probably than not if the paper is exactly right."""
        return self.seeds is not None and self.seeds <= seeds


def fewest(found: Iterable[Prospect]) -> int | None:
    """The fewest seeds that decide all that can be decided; None if nothing can be."""
    return max((each.seeds for each in found if each.seeds is not None), default=None)


def power(std: float, n: int, of: Source, reading_error: float, delta: float, level: float = LEVEL) -> float:
    """How often n seeds of ours that scatter by `std` end in ``reproduced`` if the paper is exactly right.

    The paper's mean then differs from ours by chance alone: by the error that it prints, or one as if its runs
    scattered as ours do.
    """
    quantiles = (np.arange(STEPS) + 0.5) / STEPS
    measured = std * np.sqrt(chdtri(n - 1, 1 - quantiles) / (n - 1))
    half = half_width(measured, n, of, reading_error, level)
    theirs = std**2 / of.runs if of.error is None else of.error**2
    inside = 2 * ndtr((delta - half) / math.sqrt(std**2 / n + theirs)) - 1
    return float(np.maximum(inside, 0).mean())


def prospect(published: Published, row: Row) -> Prospect:
    """What a comparison with a row could come to; it is comparable, so a margin is fixed for it."""
    delta = margin(row)
    assert delta is not None
    guess, held_to = scatter(published, row, delta), level(published.protocols[row.protocol])
    enough = (n for n in range(1, MOST_SEEDS + 1) if _power(row, guess, n, held_to) >= POWER)
    return Prospect(row, guess, next(enough, None), held_to)


def _power(row: Row, guess: Scatter, seeds: int, held_to: float) -> float:
    delta, scale = margin(row), Scale.of(row.dataset)
    assert delta is not None
    of = source(row, scale.image)
    if row.value <= COLLAPSED * scale.chance or seeds < of.fewest:
        return 0.0
    return power(float(spread(guess.std, scale.image)), seeds, of, row.reading_error, delta, held_to)


def scatter(published: Published, row: Row, delta: float) -> Scatter:
    """The standard deviation over seeds that a cell probably has.

    A median is taken of other rows, since a few networks that collapsed at some of their seeds scatter by whole points.
    """
    if row.seed_std:
        return Scatter(row.seed_std, "what is printed with the number")
    akin = [(other, std) for other, std in published.spreads if _alike(other, row)]
    network = [std for other, std in akin if other.architecture == row.architecture]
    everything = [std for _, std in akin]
    for basis, found in ((f"{row.architecture} on {row.dataset}", network), (row.dataset, everything)):
        if len(found) >= FEWEST_ROWS:
            std = median(found)
            return Scatter(std, f"{std:.2g} points, the median of {len(found)} spreads printed for {basis}")
    return Scatter(ASSUMED * delta, f"{ASSUMED:g} of the margin, which is assumed")


def _alike(other: Row, row: Row) -> bool:
    """Whether two rows are of one data set, and both extremely sparse or both not."""
    extreme = [(each.sparsity or 0.0) >= EXTREME_SPARSITY for each in (other, row)]
    return other.dataset == row.dataset and extreme[0] == extreme[1]

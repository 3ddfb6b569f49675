"""The rule that judges two means, on numbers alone: what it promises, and the arithmetic that keeps the promise.

Promise: where our true mean and the true mean behind a printed number lie δ apart, they are called "reproduced" in 5 %
of cases at most. With d = our mean − the printed one, and h as below,

    reproduced    |d| + h ≤ δ         the difference is certainly small
    above, below  |d| − h > δ         the difference is certainly not small
    inconclusive  otherwise

    h = t(0.95, df) · √(s²/n + e²) + reading error

which are two one-sided t-tests (Schuirmann 1987). s is our standard deviation over n seeds in this very cell: pooled
with other sparsities it would be too small where seeds scatter most. What e and df are depends on what the source
prints (`Source`):

    spread, and n_pub ≥ 2 runs      e² = s_pub²/n_pub       df = min(n, n_pub) − 1    at least 3 seeds of ours
    a standard error, runs unknown  e = 1.8 × the error     df = n − 1                at least 5
    a spread, runs unknown          e = s_pub               df = n − 1                at least 5
    nothing                         e² = (1.5 s)²/n_pub     df = n − 1                at least 5

The df of the first line are fewer than Welch's, which with few runs on one side promise too much:
`benchmarks/verdicts.py` simulates both. The other lines assume something about the source, and say what.

Everything works on floats and on arrays of draws alike.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.statistics import Relation, equivalence, quantile

if TYPE_CHECKING:
    from bench.published import Row

LEVEL = 0.05
"""Of each one-sided test; for a verdict under one of k readings of an unclear protocol, `LEVEL` / k."""

LOOKS = {5: 0.2, 10: 0.3, 20: 0.5}
"""Numbers of seeds at which a comparison may be looked at where seeds are added until one decides, and which share of
the level each look has (1, 1.5 and 2.5 % of 5 %). Together they keep the level; a look after every seed would not."""

FEWEST, FEWEST_UNPRINTED = 3, 5
"""Seeds of ours, where the source prints spread and number of runs, and where it does not."""

UNPRINTED = 1.5
"""Times our spread: what stands for one that is not printed. The promise is kept if theirs is at most so many times as
large as ours; if it is twice as large, 8 to 10 % pass. Ours as it is would let 9 to 11 % and 14 to 17 % pass."""

UNCOUNTED = 1.8
"""Times a standard error that is printed without the number of runs: t(0.95, 2) / t(0.95, ∞), which is enough if it
rests on three runs or more."""

MOST_SEEDS = 1000
"""Beyond this, no number of seeds is said to decide."""


@dataclass(frozen=True)
class Source:
    """What a source lets us know of the error of its number.

    Attributes:
        error: the standard error of the printed mean, in points; None if no spread is printed.
        runs: how many runs the number is the mean of; 1 if the source does not say.
        counted: whether a spread is printed with the number of runs behind it, hence its degrees of freedom.
    """

    error: Any
    runs: int
    counted: bool

    @property
    def fewest(self) -> int:
        """How many seeds of ours it takes at least."""
        return FEWEST if self.counted else FEWEST_UNPRINTED

    def squared_error(self, std: Any) -> Any:
        """e², where ours is `std`."""
        return (UNPRINTED * std) ** 2 / self.runs if self.error is None else self.error**2

    def degrees(self, n: int) -> int:
        """df, with n seeds of ours."""
        return (min(n, self.runs) if self.counted else n) - 1


def source(row: Row, image: float) -> Source:
    """What a row lets us know.

    A ± of unknown kind counts as a standard error, the widest of what it may be. A spread over one run is none. A
    printed spread is never taken below one test `image`, as ours is not (`spread`).
    """
    runs = row.n_seeds or 1
    if row.std is None or row.n_seeds == 1:
        return Source(None, runs, counted=False)
    if row.n_seeds is None:
        return Source(max(row.std, image) if row.std_kind == "std" else UNCOUNTED * _error(row), 1, counted=False)
    if row.std_kind == "unknown":
        return Source(max(row.std, image / math.sqrt(runs)), runs, counted=True)
    assert row.seed_std is not None  # there is a spread of known kind, and a number of runs
    return Source(max(row.seed_std, image) / math.sqrt(runs), runs, counted=True)


def _error(row: Row) -> float:
    """The standard error behind a ± whose number of runs is unknown; a 95 % interval is at least 1.96 of them wide."""
    assert row.std is not None
    return row.std / quantile(0.975, math.inf) if row.std_kind == "ci95" else row.std


def spread(std: Any, image: float) -> Any:
    """s: the standard deviation over seeds, but never below one test image.

    Args:
        std: as measured, in points.
        image: what one test image is worth, 100 / their number, in points.

    Accuracies are whole numbers of images. A few seeds may agree to the image by chance, and their standard deviation
    of 0 would make any interval as narrow as the reading error. A standard deviation of one image is that of results
    which typically differ by one or two images (1.4 between two seeds, root mean square); rounding to whole images
    alone has one of 0.29 images. Networks trained from different seeds are not closer than that.
    """
    return np.maximum(std, image)


def half_width(std: Any, n: int, of: Source, reading_error: float = 0.0, level: float = LEVEL) -> Any:
    """h: of the interval of the difference at 1 − 2 `level`, reading error included."""
    return quantile(1 - level, of.degrees(n)) * (std**2 / n + of.squared_error(std)) ** 0.5 + reading_error


@dataclass(frozen=True)
class Comparison:
    """Two means and what is known of their errors.

    Attributes:
        difference: ours minus theirs, in points.
        std, n: our standard deviation over seeds (`spread`), and their number, `source.fewest` or more.
        margin: δ.
        level: of each one-sided test.
    """

    difference: float
    std: float
    n: int
    source: Source
    reading_error: float
    margin: float
    level: float = LEVEL

    @property
    def half_width(self) -> float:
        """Called h above."""
        return float(half_width(self.std, self.n, self.source, self.reading_error, self.level))

    @property
    def relation(self) -> Relation:
        """The rule itself."""
        return self._relation(self.half_width)

    @property
    def printed(self) -> Relation:
        """Our mean against the printed number as if that were exact: two one-sided one-sample tests."""
        half = quantile(1 - self.level, self.n - 1) * self.std / math.sqrt(self.n) + self.reading_error
        return self._relation(half)

    def _relation(self, half: float) -> Relation:
        return equivalence((self.difference - half, self.difference + half), self.margin)

    def seeds_needed(self) -> int | None:
        """The least number of seeds that decides if mean and spread stay as they are; None if none does.

        None, because the printed number itself is too uncertain or the difference lies at the margin.
        """
        candidates = range(self.source.fewest, MOST_SEEDS + 1)
        # More seeds never undo a decision.
        index = bisect_left(candidates, True, key=lambda n: replace(self, n=n).relation != "open")
        return candidates[index] if index < len(candidates) else None

    def stands_to(self) -> float:
        """The largest ratio of their spread to ours at which a decision still stands; NaN where theirs is printed."""
        if self.source.error is not None:
            return math.nan
        room = abs(abs(self.difference) - self.margin) - self.reading_error
        error = room / quantile(1 - self.level, self.source.degrees(self.n))
        return math.sqrt(max(self.source.runs * ((error / self.std) ** 2 - 1 / self.n), 0.0))

"""A leaderboard: every method of every kept grid, on each data set and network, at each sparsity."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from bench.evidence.findings import KeptGrid
from bench.published import looks
from bench.results import measurements
from bench.statistics import summarise

Score = tuple[int, float, float]
"""How many seeds ended well, the mean of their accuracies in percent, and the standard deviation."""


@dataclass(frozen=True)
class Board:
    """One network on one data set, as one kept grid trained it.

    Attributes:
        folder: the grid's.
        note: recipe, and what must be known before numbers are taken for more than they are.
        scores: by method and point, NaN for the dense network.
    """

    folder: str
    dataset: str
    architecture: str
    note: str
    scores: dict[tuple[str, float], Score]

    @property
    def points(self) -> list[float]:
        """The sparsities, ascending; the dense network is not among them."""
        return sorted({point for _, point in self.scores if point == point})

    @property
    def methods(self) -> list[str]:
        """The best first, by the mean of their accuracies over the sparsities that they have."""
        means: dict[str, list[float]] = {}
        for (method, point), (seeds, mean, _) in self.scores.items():
            if point == point and seeds:
                means.setdefault(method, []).append(mean)
        return sorted(means, key=lambda method: (-len(means[method]), -sum(means[method]) / len(means[method]), method))

    @property
    def dense(self) -> Score | None:
        """Of the dense network."""
        return next((score for (_, point), score in self.scores.items() if point != point), None)


def boards(found: Iterable[KeptGrid]) -> list[Board]:
    """Every board, by folder, data set and network."""
    return [
        _board(one, str(dataset), str(architecture), runs)
        for one in found
        for (dataset, architecture), runs in _ended(one).groupby(["dataset", "architecture"], sort=True)
    ]


def _ended(one: KeptGrid) -> pd.DataFrame:
    """The runs that ended well, of seeds that all methods of a column have."""
    shared = looks.shared(one.kept.grid, one.kept.plan, one.table)
    keys = {slot.key for slot in measurements.slots(shared)}
    return one.table[(one.table["outcome"] == "ok") & one.table["key"].isin(keys)]


def _board(one: KeptGrid, dataset: str, architecture: str, runs: pd.DataFrame) -> Board:
    grid, outdated = one.kept.grid, len(one.kept.outdated)
    scaled = f", SCALED DOWN to {grid.budget:g} of its length" if grid.budget != 1 else ""
    older = f"; {outdated} of {len(one.kept.records)} records are of older code" if outdated else ""
    scores: dict[tuple[str, float], Score] = {}
    for _, seeds in runs.groupby(["method", "point"], dropna=False, sort=True):
        cell = str(seeds["method"].iloc[0]), float(seeds["point"].iloc[0])
        scores[cell] = summarise(list(seeds["accuracy"]))
    return Board(one.name, dataset, architecture, f"recipe {grid.recipe}{scaled}{older}", scores)

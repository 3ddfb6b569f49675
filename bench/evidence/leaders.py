"""A leaderboard: every method of every kept grid, on each data set and network, at each sparsity."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bench.evidence.findings import REPRODUCTIONS, folders
from bench.report import kept, measurements
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


def boards(folder: Path = REPRODUCTIONS) -> list[Board]:
    """Every board, by folder, data set and network."""
    found: list[Board] = []
    for path in folders(folder):
        one = kept.read(path)
        table = measurements.from_records(one.plan, one.records, {})
        ended = table[table["outcome"] == "ok"]
        scaled = f", SCALED DOWN to {one.grid.budget:g} of its length" if one.grid.budget != 1 else ""
        older = f"; {len(one.outdated)} of {len(one.records)} records are of older code" if one.outdated else ""
        for (dataset, architecture), part in ended.groupby(["dataset", "architecture"], sort=True):
            scores: dict[tuple[str, float], Score] = {}
            for _, rows in part.groupby(["method", "point"], dropna=False, sort=True):
                cell = str(rows["method"].iloc[0]), float(rows["point"].iloc[0])
                scores[cell] = len(rows), *summarise(list(rows["accuracy"]))[1:]
            note = f"recipe {one.grid.recipe}{scaled}{older}"
            found.append(Board(path.name, str(dataset), str(architecture), note, scores))
    return found

"""A leaderboard: every method of every kept grid, on each data set and network, at each sparsity."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from bench.base.grouping import grouped
from bench.evidence.findings import KeptGrid
from bench.plan.grid import Network
from bench.published import looks
from bench.results.measurements import ended_well
from bench.statistics import Summary, summarise

Scores = dict[tuple[str, float | None], Summary]
"""The accuracies in percent of the seeds that ended well, by method and point; None is that of the dense network."""


@dataclass(frozen=True)
class Board:
    """One network on one data set, as one kept grid trained it.

    Attributes:
        folder: the grid's.
        note: recipe, and what must be known before numbers are taken for more than they are.
        scores: by method and point.
    """

    folder: str
    dataset: str
    architecture: str
    note: str
    scores: Scores

    @property
    def points(self) -> list[float]:
        """The sparsities, ascending; the dense network is not among them."""
        return sorted({point for _, point in self.scores if point is not None})

    @property
    def methods(self) -> list[str]:
        """The best first, by the mean of their accuracies over the sparsities that they have."""
        sparse = ((method, score.mean) for (method, point), score in self.scores.items() if point is not None)
        means = grouped(sparse)
        return sorted(means, key=lambda method: (-len(means[method]), -sum(means[method]) / len(means[method]), method))

    @property
    def dense(self) -> Summary | None:
        """Of the dense network."""
        return next((score for (_, point), score in self.scores.items() if point is None), None)


def boards(found: Iterable[KeptGrid]) -> list[Board]:
    """Every board, by folder, data set and network."""
    listed = [(one, network, scores) for one in found for network, scores in sorted(_scores(one).items())]
    return [Board(one.name, *network, _note(one), scores) for one, network, scores in listed]


def _scores(one: KeptGrid) -> dict[Network, Scores]:
    """Of the cells in which a seed ended well that all methods of a column have, by method and point."""
    found: dict[Network, Scores] = defaultdict(dict)
    shared = looks.shared(one.kept.grid, one.kept.plan, one.table)
    for cell in sorted(shared.cells, key=lambda cell: (cell.method, cell.point is None, cell.point or 0.0)):
        if accuracies := [result.accuracy for result in ended_well(cell, one.kept.records)]:
            found[cell.network][cell.method, cell.point] = summarise(accuracies)
    return found


def _note(one: KeptGrid) -> str:
    grid, outdated = one.kept.grid, len(one.kept.outdated)
    scaled = f", SCALED DOWN to {grid.budget:g} of its length" if grid.budget != 1 else ""
    older = f"; {outdated} of {len(one.kept.records)} records are of older code" if outdated else ""
    return f"recipe {grid.recipe}{scaled}{older}"

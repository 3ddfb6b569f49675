"""One figure per method over all cells that the methods share, and how sure their order is.

The score of a run is its accuracy minus the mean accuracy of our own dense networks on the same data set and
architecture, in points: what pruning did to the network, in the unit that everybody reads, so that networks and data
sets of different difficulty can stand together. The baseline is a constant of the cell; it moves no method against
another, and its own error is no part of the intervals.

Only methods that ran in exactly the same cells under one recipe and prunable set are set against each other, each
with at least `FEWEST` seeds in every cell: over different cells a mean compares the cells. A collapsed network counts
with the accuracy that it has, since to collapse is an outcome of the method; a method with a run that yielded no
network is left out and named.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from bench.base.spelling import Spelling
from bench.plan.grid import Network
from bench.report.layout import Block, Chapter, Number, Span, Text, known, signed
from bench.report.per_input import is_target
from bench.report.summary import FEWEST
from bench.results.measurements import key
from bench.statistics import Interval, summarise
from bench.statistics.bootstrap import Cells, draws, improvement, iqm, p_value, percentiles
from bench.statistics.ranking import LEVEL, holm

if TYPE_CHECKING:
    import pandas as pd

    from bench.plan.grid import Cell, Plan

Place = tuple[Network, float]
"""A network at a point."""

Protocol = tuple[str, str]
"""Recipe and prunable set."""


@dataclass(frozen=True)
class Family:
    """Methods that share all their cells.

    Attributes:
        scores: by method, of each of `places` the scores of its seeds.
        lengths: by method, how many times the epochs of the dense training its runs had, parents included.
        left_out: methods that cannot stand with them, and why.
    """

    protocol: Protocol
    places: tuple[Place, ...]
    scores: dict[str, list[list[float]]]
    lengths: dict[str, float] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Standing:
    """A method of a family.

    Attributes:
        iqm, interval: interquartile mean of the scores, and its 95 % bootstrap interval.
        mean: of the scores, which shows what the middle half does not: a network that collapsed.
        beaten, beaten_interval: the probability that a run of the first method is better than one of this, in a cell.
        open: not distinguishable from the first.
    """

    method: str
    iqm: float
    interval: Interval
    mean: float
    beaten: float
    beaten_interval: Interval
    open: bool


def families(plan: Plan, table: pd.DataFrame) -> list[Family]:
    """The methods that can be compared over cells, one family per recipe and prunable set."""
    specs = {spec.id: spec for spec in plan.runs}
    found: dict[Protocol, dict[str, dict[Place, Cell]]] = defaultdict(lambda: defaultdict(dict))
    for cell in plan.cells:
        if cell.point is None or not is_target(cell.method) or not cell.runs:
            continue
        spec = specs[cell.runs[0][1]]
        found[spec.recipe_text, spec.prunable][cell.method][cell.network, cell.point] = cell
    scores = _Scores(plan, table)
    made = [_family(protocol, methods, scores) for protocol, methods in found.items()]
    return [family for family in made if len(family.scores) > 1 and len(family.places) > 1]


class _Scores:
    """The scores of cells, and what is missing."""

    def __init__(self, plan: Plan, table: pd.DataFrame) -> None:
        self.percent = plan.spelling.percent
        counted = table[table["outcome"].isin(["ok", "collapsed"])].dropna(subset="accuracy")
        self._accuracy = dict(zip(counted["key"], counted["accuracy"], strict=True))
        self._epochs = dict(zip(counted["key"], counted["epochs"], strict=True))
        self._dense = {network: summarise(self._values(cell)).mean for network, cell in plan.dense.items()}
        self._dense_epochs = {network: self._length(cell) for network, cell in plan.dense.items()}

    def _keys(self, cell: Cell) -> list[str]:
        keys = [key(run, cell.point) for _, run in cell.runs]
        return [each for each in keys if each in self._accuracy]

    def _values(self, cell: Cell) -> list[float]:
        return [float(self._accuracy[each]) for each in self._keys(cell)]

    def _length(self, cell: Cell) -> float:
        return summarise([float(self._epochs[each]) for each in self._keys(cell)]).mean

    def length(self, cells: Iterable[Cell]) -> float:
        """Epochs as a multiple of the dense training's, the mean over cells; NaN where dense was not trained."""
        dense = [(cell, self._dense_epochs[cell.network]) for cell in cells]
        return summarise([self._length(cell) / epochs if epochs else math.nan for cell, epochs in dense]).mean

    def __call__(self, cell: Cell) -> list[float]:
        dense = self._dense.get(cell.network, math.nan)
        return [value - dense for value in self._values(cell)]

    def lacks(self, cell: Cell) -> str:
        """Why the cell cannot be used; empty if it can."""
        where = f"for {cell.network}"
        if math.isnan(self._dense.get(cell.network, math.nan)):
            return f"no dense network {where}"
        got, asked = len(self._values(cell)), len(cell.runs)
        if got < max(asked, FEWEST):
            return f"{got} of {max(asked, FEWEST)} seeds gave a network at {self.percent(cell.point or 0)} {where}"
        return ""


def _family(protocol: Protocol, methods: Mapping[str, Mapping[Place, Cell]], scores: _Scores) -> Family:
    """The cells are those that most methods were asked for; among equally many methods, the most cells."""
    asked = Counter(frozenset(cells) for cells in methods.values())
    shared = max(asked, key=lambda places: (asked[places], len(places), sorted(places)))
    family = Family(protocol, tuple(sorted(shared)), {})
    for method, cells in methods.items():
        missing = sorted(shared - set(cells))
        lacks = [reason for place in family.places if place in cells and (reason := scores.lacks(cells[place]))]
        if missing:
            network, point = missing[0]
            family.left_out[method] = f"no cell at {scores.percent(point)} for {network}"
        elif lacks:
            family.left_out[method] = lacks[0]
        else:
            family.scores[method] = [scores(cells[place]) for place in family.places]
            family.lengths[method] = scores.length(cells[place] for place in family.places)
    return family


def rank(family: Family) -> list[Standing]:
    """The methods of a family, the highest interquartile mean first.

    Differences from the first are tested with the bootstrap's standard error and corrected for their number.
    """
    resampled = {method: draws(cells, method) for method, cells in family.scores.items()}
    drawn = {method: iqm(np.concatenate(arrays, axis=-1)) for method, arrays in resampled.items()}
    figures = {method: float(iqm(np.concatenate(cells))) for method, cells in family.scores.items()}
    order = sorted(figures, key=lambda method: -figures[method])
    first = order[0]
    degrees = {method: float(sum(len(values) - 1 for values in cells)) for method, cells in family.scores.items()}
    values = [
        p_value(figures[first] - figures[each], drawn[first] - drawn[each], degrees[first] + degrees[each])
        for each in order[1:]
    ]
    corrected = dict(zip(order[1:], holm(values), strict=True))
    return [
        Standing(
            method=method,
            iqm=figures[method],
            interval=percentiles(drawn[method], degrees[method]),
            mean=float(np.mean(np.concatenate(family.scores[method]))),
            beaten=float(improvement(_arrays(family.scores[first]), _arrays(family.scores[method]))),
            beaten_interval=percentiles(improvement(resampled[first], resampled[method]), degrees[method]),
            open=method != first and corrected[method] >= LEVEL,
        )
        for method in order
    ]


def _arrays(cells: Cells) -> list[np.ndarray]:
    return [np.asarray(values, float) for values in cells]


_HEAD = (
    "Method",
    "Interquartile mean",
    "95 % interval",
    "Mean",
    "First is better",
    "95 % interval of that",
    "Epochs × dense",
)


def chapter(found: Sequence[Family]) -> tuple[Chapter, ...]:
    """The families as tables; nothing where no methods share cells."""
    if not found:
        return ()
    blocks = tuple(Block(_title(family), _HEAD, tuple(_rows(family)), terminal=True) for family in found)
    return (Chapter("Over all cells", blocks, (_RULE, *(note for family in found for note in _notes(family)))),)


def _title(family: Family) -> str:
    seeds = {len(values) for cells in family.scores.values() for values in cells}
    counts = f"{min(seeds)}" if len(seeds) == 1 else f"{min(seeds)} to {max(seeds)}"
    recipe, prunable = family.protocol
    return (
        f"Accuracy minus that of our dense network, in points: {len(family.places)} cells with {counts} seeds each "
        f"(recipe {recipe}, prunable set {prunable})"
    )


def _rows(family: Family) -> Iterator[tuple[Text, ...]]:
    for index, one in enumerate(rank(family)):
        first = index == 0
        yield (
            Text(one.method),
            Text(Number(one.iqm, form=signed), best=first, open=one.open),
            Text(Span(*one.interval, form=signed)),
            Text(Number(one.mean, form=signed)),
            Text("–" if first else Number(100 * one.beaten, form=_WHOLE, unit="%")),
            Text(_shares(one.beaten_interval) if 0 < one.beaten < 1 and not first else "–"),
            Text(known(Number(family.lengths[one.method]), "–")),
        )


def _shares(interval: Interval) -> Span:
    low, high = interval
    return Span(100 * low, 100 * high, _WHOLE, "%")


_WHOLE = "{:.0f}".format


_RULE = (
    "Interquartile mean: of the middle half of all runs; intervals by a bootstrap over seeds, stratified by cell, say "
    "how it would come out with other seeds on the same cells. First is better: the probability that a run of the "
    "first method is better than one of this method in the same cell; where all are, a bootstrap has no interval for "
    "it. The first is set like the best of a column, and methods that cannot be told from it (at 5 %, corrected by "
    "Holm's method for the number of methods) like those that are open there. Methods that trained longer than others "
    "had an advantage. Collapsed networks count with the accuracy that they have."
)


def _notes(family: Family) -> Iterator[str]:
    percent = Spelling.of(point for *_, point in family.places).percent
    networks: dict[Network, list[float]] = defaultdict(list)
    for network, point in family.places:
        networks[network].append(point)
    where = "; ".join(f"{network} at {', '.join(map(percent, points))}" for network, points in networks.items())
    yield f"Cells under recipe {family.protocol[0]}: {where}."
    if family.left_out:
        reasons = "; ".join(f"{method} ({reason})" for method, reason in family.left_out.items())
        yield f"Left out, for not having all these cells: {reasons}."

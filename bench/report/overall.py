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
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from bench.base.grouping import grouped
from bench.base.spelling import Spelling
from bench.names import parse
from bench.plan.grid import Network
from bench.report.cell import CellResult
from bench.report.layout import Block, Chapter, Number, Span, Text, known, signed
from bench.report.per_input import is_target
from bench.report.summary import FEWEST
from bench.statistics import Interval, summarise
from bench.statistics.bootstrap import Cells, draws, improvement, iqm, p_value, percentiles
from bench.statistics.ranking import LEVEL, holm

Place = tuple[Network, float]
"""A network at a point."""

Protocol = tuple[str, str]
"""Recipe and prunable set."""


@dataclass(frozen=True)
class Family:
    """Methods that share all their cells.

    Attributes:
        scores: by method, of each of `places` the scores of its seeds.
        lengths: by method, how many times the epochs of the dense training its runs had, parents included; NaN where
            dense was not trained.
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


def families(results: Iterable[CellResult]) -> list[Family]:
    """The methods that can be compared over cells, one family per recipe and prunable set."""
    found: dict[Protocol, dict[str, dict[Place, CellResult]]] = defaultdict(lambda: defaultdict(dict))
    results = list(results)
    for each in results:
        if each.point is not None and is_target(each.method) and each.runs:
            found[each.recipe, each.prunable][each.method][each.network, each.point] = each
    percent = Spelling.of(each.point for each in results).percent
    made = [_family(protocol, methods, percent) for protocol, methods in found.items()]
    return [family for family in made if len(family.scores) > 1 and len(family.places) > 1]


def _family(
    protocol: Protocol, methods: Mapping[str, Mapping[Place, CellResult]], percent: Callable[[float], str]
) -> Family:
    """The cells are those that most methods were asked for; among equally many methods, the most cells."""
    asked = Counter(frozenset(cells) for cells in methods.values())
    shared = max(asked, key=lambda places: (asked[places], len(places), sorted(places)))
    family = Family(protocol, tuple(sorted(shared)), {})
    for method, cells in methods.items():
        missing = sorted(shared - set(cells))
        lacks = [reason for place in family.places if place in cells and (reason := _lacks(cells[place], percent))]
        if missing:
            network, point = missing[0]
            family.left_out[method] = f"no cell at {percent(point)} for {network}"
        elif lacks:
            family.left_out[method] = lacks[0]
        else:
            own = [cells[place] for place in family.places]
            family.scores[method] = [[run.accuracy - each.dense.mean for run in each.scored] for each in own]
            lengths = [each.epochs_relative for each in own if not math.isnan(each.epochs_relative)]
            family.lengths[method] = summarise(lengths).mean
    return family


def _lacks(each: CellResult, percent: Callable[[float], str]) -> str:
    """Why the cell cannot be used; empty if it can."""
    if math.isnan(each.dense.mean):
        return f"no dense network for {each.network}"
    got, asked = len(each.scored), max(len(each.runs), FEWEST)
    return f"{got} of {asked} seeds gave a network at {percent(each.point or 0)} for {each.network}" * (got < asked)


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
            Text(one.method, method=parse(one.method)[0]),
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
    networks = grouped(family.places)
    where = "; ".join(f"{network} at {', '.join(map(percent, points))}" for network, points in networks.items())
    yield f"Cells under recipe {family.protocol[0]}: {where}."
    if family.left_out:
        reasons = "; ".join(f"{method} ({reason})" for method, reason in family.left_out.items())
        yield f"Left out, for not having all these cells: {reasons}."

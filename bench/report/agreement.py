"""What published numbers say over many cells: the verdicts on each method, and whether the paper's order is ours.

An order can be compared where absolute numbers cannot: another recipe or budget moves all methods. So rank agreement
takes in rows whose verdict is "not comparable", unless what the row is about is unclear: numbers that nobody read,
variants of the method, another metric or another count of sparsity (`UNCLEAR`). The rows of one order come from one
paper and one protocol, our numbers from one recipe and one prunable set, at one point of one network.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import pandas as pd

from bench.base.spelling import Spelling
from bench.names import parse
from bench.published.comparison import shares
from bench.published.obstacles import Kind
from bench.published.outcomes import JUDGED, RETRAINED
from bench.report.layout import Block, Chapter, Text, signed
from bench.statistics import bootstrap
from bench.statistics.ranking import Agreement, agreement

FEWEST_METHODS = 3

UNCLEAR = {
    Kind.UNVERIFIED,
    Kind.DATASET,
    Kind.ARCHITECTURE,
    Kind.METHOD,
    Kind.METRIC,
    Kind.SPARSITY,
    Kind.VARIANT,
}
"""Obstacles with which a number says nothing of our cell, not even its rank."""

Line = Mapping[str, Any]


@dataclass(frozen=True)
class Order:
    """The methods of a paper at one point of one network, and ours.

    Attributes:
        lines: of `bench.published.comparison.compare`, the highest published number first.
    """

    dataset: str
    architecture: str
    point: float
    lines: tuple[Line, ...]

    @property
    def agreement(self) -> Agreement:
        """Of our means with the published values."""
        return agreement([line["ours"] for line in self.lines], [line["published"] for line in self.lines])

    @property
    def kinds(self) -> list[Kind]:
        """What keeps the numbers themselves from being compared."""
        return sorted(set().union(*(_kinds(line) for line in self.lines)))


def orders(compared: pd.DataFrame, cells: pd.DataFrame) -> list[Order]:
    """Every order of at least `FEWEST_METHODS` methods that both a paper and we have; the dense network is none.

    Args:
        compared: from `bench.published.comparison.compare`.
        cells: from `bench.report.summary.cells`.
    """
    ours = {_cell(line): (line["recipe"], line["prunable"]) for line in _lines(cells)}
    groups: dict[tuple[Any, ...], dict[str, Line]] = defaultdict(dict)
    for line in _lines(compared):
        if not line["ours_n"] or line["method"] == "dense" or _kinds(line) & UNCLEAR:
            continue
        group = (line["dataset"], line["architecture"], line["point"], line["paper"], line["protocol"])
        groups[*group, *ours[_cell(line)]].setdefault(line["method"], line)  # the fittest row of a cell comes first
    return [
        Order(dataset, architecture, point, tuple(sorted(lines.values(), key=lambda line: -line["published"])))
        for (dataset, architecture, point, *_), lines in groups.items()
        if len(lines) >= FEWEST_METHODS
    ]


def _lines(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in line.items()} for line in frame.to_dict("records")]


def _cell(line: Line) -> tuple[Any, ...]:
    point = line["point"]
    return line["dataset"], line["architecture"], line["method"], None if math.isnan(point) else point


def _kinds(line: Line) -> set[Kind]:
    return {obstacle.kind for obstacle in line["obstacles"]}


def chapters(compared: pd.DataFrame, cells: pd.DataFrame) -> tuple[Chapter, ...]:
    """Verdicts by method and rank agreement, each where there is something to say."""
    return (*_verdicts(compared), *_orders(orders(compared, cells)))


def _orders(found: Sequence[Order]) -> tuple[Chapter, ...]:
    if not found:
        return ()
    percent = Spelling.of(order.point for order in found).percent
    head = ("Network", "At", "Paper's order (our mean)", "τ-b", "p", "Seeds", "Not the same")
    lines = tuple(_row(order, percent(order.point)) for order in found)
    block = Block("Kendall's τ-b of the methods' order", head, lines, numbers=False)
    rows = [
        f"{_network(order)} at {percent(order.point)}: {', '.join(line['row'] for line in order.lines)}"
        for order in found
    ]
    notes = (
        "τ-b is 1 for the same order and −1 for the reversed one. p: the probability of an agreement as strong, of "
        "either sign, if the orders had nothing to do with each other, exact, not corrected for the number of lines; "
        "with 3 methods it cannot be below 0.33, with 4 below 0.083, with 5 below 0.017. The scatter between seeds is "
        "not in it.",
        f"Published rows behind it, all of one paper and protocol per line: {'; '.join(rows)}.",
    )
    return (Chapter("Rank agreement with the paper", (block,), notes),)


def _row(order: Order, point: str) -> tuple[Text, ...]:
    tau, p = order.agreement
    paper = str(order.lines[0]["paper"]).partition(",")[0]
    texts = (
        _network(order),
        point,
        f"{paper}: {_ranked(order.lines)}",
        "not defined" if math.isnan(tau) else signed(tau),
        "–" if math.isnan(p) else f"{p:.3f}",
        str(min(int(line["ours_n"]) for line in order.lines)),
        ", ".join(order.kinds),
    )
    return tuple(map(Text, texts))


def _ranked(lines: Sequence[Line]) -> str:
    """The methods as the paper calls them, the best first, with our means."""
    shown = ""
    for line, next_line in zip_longest(lines, lines[1:]):
        sign = "" if next_line is None else " = " if next_line["published"] == line["published"] else " > "
        shown += f"{line['method_printed']} ({line['ours']:.2f}){sign}"
    return shown


def _network(order: Order) -> str:
    return f"{order.architecture} on {order.dataset}"


# --- verdicts by method -------------------------------------------------------------------------------------------


def _verdicts(compared: pd.DataFrame) -> tuple[Chapter, ...]:
    """How often each method got each verdict, and the mean difference of its comparable cells, all of them.

    The networks are the clusters of the interval: runs on one network share dense parents, so their differences from
    the paper rise and fall together. Nothing where no number could be compared.
    """
    judged = [line for line in _lines(compared) if line["anchor"] and line["verdict"] in JUDGED and line["ours_n"]]
    if not judged:
        return ()
    head = ("Method", *(word.capitalize() for word in RETRAINED), "Mean difference", "95 % interval", "Networks")
    rows = tuple(_tally(method, counted, judged) for method, counted in shares(compared).items())
    note = (
        "Mean difference: ours minus the published value in points, over all cells whose numbers are comparable and "
        "not both collapsed, whatever the verdict; its interval by a bootstrap over networks, from "
        f"{bootstrap.FEWEST_GROUPS} networks on."
    )
    return (Chapter("Verdicts by method", (Block("Published numbers of cells", head, rows),), (note,)),)


def _tally(method: str, counted: Mapping[str, int], judged: Sequence[Line]) -> tuple[Text, ...]:
    networks: dict[tuple[str, str], list[float]] = defaultdict(list)
    for line in judged:
        if parse(line["method"])[0] == method:
            networks[line["dataset"], line["architecture"]].append(line["difference"])
    values = [value for group in networks.values() for value in group]
    low, high = bootstrap.clusters(list(networks.values()), method)
    texts = [method, *(str(counted[word]) for word in RETRAINED)]
    texts += [signed(sum(values) / len(values)) if values else "–"]
    texts += ["–" if math.isnan(low) else f"{signed(low)} to {signed(high)}", str(len(networks))]
    return tuple(map(Text, texts))

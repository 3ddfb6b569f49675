"""What published numbers say over many cells: the verdicts on each method, and whether the paper's order is ours.

An order can be compared where absolute numbers cannot: another recipe or budget moves all methods. So rank agreement
takes in rows whose verdict is "not comparable", unless what the row is about is unclear: numbers that nobody read,
variants of the method, another metric or another count of sparsity (`UNCLEAR`). The rows of one order come from one
paper and one protocol, our numbers from one recipe and one prunable set, at one point of one network.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from bench.base.grouping import grouped
from bench.base.spelling import Spelling
from bench.plan.grid import Network
from bench.published.comparison import Compared, shares
from bench.published.obstacles import Kind
from bench.published.outcomes import JUDGED, RETRAINED, Outcome
from bench.report.layout import Block, Chapter, Number, Span, Text, known, signed
from bench.statistics import bootstrap, summarise
from bench.statistics.ranking import Agreement, agreement

FEWEST_METHODS = 3

UNCLEAR = {Kind.UNVERIFIED, Kind.DATASET, Kind.ARCHITECTURE, Kind.METHOD, Kind.METRIC, Kind.SPARSITY, Kind.VARIANT}
"""Obstacles with which a number says nothing of our cell, not even its rank."""


@dataclass(frozen=True)
class Order:
    """The methods of a paper at one point of one network, and ours.

    Attributes:
        rows: the highest published number first.
    """

    network: Network
    point: float | None
    rows: tuple[Compared, ...]

    @property
    def agreement(self) -> Agreement:
        """Of our means with the published values."""
        return agreement([each.ours.mean for each in self.rows], [each.row.value for each in self.rows])

    @property
    def kinds(self) -> list[Kind]:
        """What keeps the numbers themselves from being compared."""
        return sorted(set().union(*map(_kinds, self.rows)))


def orders(compared: Iterable[Compared]) -> list[Order]:
    """Every order of at least `FEWEST_METHODS` methods that both a paper and we have; the dense network is none."""
    groups: dict[tuple[str | float | None, ...], dict[str, Compared]] = defaultdict(dict)
    for each in compared:
        if each.ours.n and each.cell.method != "dense" and not _kinds(each) & UNCLEAR:
            theirs = (each.row.paper, each.row.protocol)
            group = (*each.cell.network, each.cell.point, *theirs, each.spec.recipe_text, each.spec.prunable)
            groups[group].setdefault(each.cell.method, each)  # the fittest row of a cell comes first
    return [
        Order(rows[0].cell.network, rows[0].cell.point, tuple(sorted(rows, key=lambda each: -each.row.value)))
        for rows in (list(methods.values()) for methods in groups.values())
        if len(rows) >= FEWEST_METHODS
    ]


def _kinds(each: Compared) -> set[Kind]:
    return {obstacle.kind for obstacle in each.verdict.obstacles}


def chapters(compared: Sequence[Compared], alike: Sequence[Compared] | None = None) -> tuple[Chapter, ...]:
    """Verdicts by method and rank agreement, each where there is something to say.

    Args:
        compared: every published row beside the cell that it is about.
        alike: the same with seeds that all methods of a column have, if these are not all seeds; orders are of these.
    """
    return (*_verdicts(compared), *_orders(orders(compared if alike is None else alike)))


def _orders(found: Sequence[Order]) -> tuple[Chapter, ...]:
    if not found:
        return ()
    percent = Spelling.of(order.point for order in found).percent
    head = ("Network", "At", "Paper's order (our mean)", "τ-b", "p", "Seeds", "Not the same")
    lines = tuple(_row(order, percent(order.point or 0)) for order in found)
    block = Block("Kendall's τ-b of the methods' order", head, lines, numbers=False)
    rows = [
        f"{order.network} at {percent(order.point or 0)}: {', '.join(each.row.id for each in order.rows)}"
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
    values = (
        str(order.network),
        point,
        f"{order.rows[0].row.authors}: {_ranked(order.rows)}",
        known(Number(tau, form=signed), "not defined"),
        known(Number(p, form="{:.3f}".format), "–"),
        str(min(each.ours.n for each in order.rows)),
        ", ".join(order.kinds),
    )
    return tuple(map(Text, values))


def _ranked(rows: Sequence[Compared]) -> str:
    """The methods as the paper calls them, the best first, with our means."""
    shown = ""
    for each, following in zip_longest(rows, rows[1:]):
        sign = "" if following is None else " = " if following.row.value == each.row.value else " > "
        shown += f"{each.row.method_printed} ({each.ours.mean:.2f}){sign}"
    return shown


# --- verdicts by method -------------------------------------------------------------------------------------------


def _verdicts(compared: Sequence[Compared]) -> tuple[Chapter, ...]:
    """How often each method got each verdict, and the mean difference of its comparable cells, all of them.

    The networks are the clusters of the interval: runs on one network share dense parents, so their differences from
    the paper rise and fall together. Nothing where no number could be compared.
    """
    judged = [each for each in compared if each.anchor and each.outcome in JUDGED and each.ours.n]
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


def _tally(method: str, counted: Mapping[Outcome, int], judged: Sequence[Compared]) -> tuple[Text, ...]:
    own = (each for each in judged if each.cell.method_name == method)
    networks = grouped((each.cell.network, each.verdict.difference) for each in own)
    values = [value for group in networks.values() for value in group]
    low, high = bootstrap.clusters(list(networks.values()), method)
    whole = "{:.0f}".format
    cells = (
        *(Number(counted[word], form=whole) for word in RETRAINED),
        known(Number(summarise(values).mean, form=signed), "–"),
        known(Span(low, high, signed), "–"),
        Number(len(networks), form=whole),
    )
    return (Text(method, method=method), *map(Text, cells))

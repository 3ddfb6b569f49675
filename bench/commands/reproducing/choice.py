"""What cells cost, and which of them fit a number of hours: those with most power an hour come first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from bench import data
from bench.commands.reproducing.wanted import Wanted
from bench.counting.listed import macs
from bench.plan.grid import Plan
from bench.workflow import workload
from bench.workflow.missing import PASSES
from bench.workflow.workload import Network, Piece

SHORTEST = 1e-6
"""Hours of a cell that costs nothing of its own: the dense network's, say."""


@dataclass(frozen=True)
class Price:
    """What a cell costs in hours.

    Attributes:
        own: of the runs that no other cell has.
        dense: of the dense network with as many seeds, which all cells of a network and a recipe share.
        shared: that network and recipe.
        begun: whether a run of it has ended: then it comes first, so that the same call goes on with the same cells.
    """

    own: float
    dense: float
    shared: Network
    begun: bool


def price(plan: Plan, results: Path, hours: Callable[[Iterable[Piece]], float]) -> Price:
    """What a cell costs whose grid's plan is this, what is done already included."""
    done = workload.finished(plan, results)
    pieces = workload.pieces(plan, results, done)
    dense = [piece for piece in pieces if piece.method == "dense"]
    own = [piece for piece in pieces if piece.method != "dense"]
    theirs = done & {spec.id for spec in plan.runs if not own or spec.method != "dense"}
    return Price(hours(own), hours(dense), pieces[0].network, bool(theirs))


def choose(priced: Sequence[tuple[Wanted, Price]], budget: float) -> list[Wanted]:
    """The cells that fit a budget of hours, whole, with all their seeds, in the order in which they were taken."""
    left, chosen = list(priced), list[Wanted]()
    dense: dict[Network, float] = {}

    def more(cost: Price) -> float:
        return cost.own + max(0.0, cost.dense - dense.get(cost.shared, 0.0))

    while fitting := [pair for pair in left if more(pair[1]) <= budget]:
        best = max(fitting, key=lambda pair: (pair[1].begun, pair[0].power / max(more(pair[1]), SHORTEST)))
        cell, cost = best
        budget -= more(cost)
        dense[cost.shared] = max(dense.get(cost.shared, 0.0), cost.dense)
        left.remove(best)
        chosen.append(cell)
    return chosen


def multiply_adds(plan: Plan, results: Path) -> float:
    """Of all training and evaluation that is still to be done, as if networks were dense."""
    left = [piece for piece in workload.pieces(plan, results, workload.finished(plan, results)) if not piece.done]
    return sum((PASSES * piece.trained + piece.evaluated) * _macs(*piece.network[:2]) for piece in left)


@cache
def _macs(dataset: str, architecture: str) -> int:
    with TemporaryDirectory() as empty:
        return macs(architecture, data.info(dataset), Path(empty))

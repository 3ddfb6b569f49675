"""The same run on other hardware: what may differ there, by how much, and what may not.

Another processor sums in another order and so rounds otherwise; after many steps the last bits have become other
accuracies, as another seed gives them. What was asked, what was counted and how long it trained stays what it was.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.base.spelling import EXACT
from bench.commands.runs import differences, same_cell
from bench.commands.runs.differences import Pair, Side
from bench.results.record import Record, Result

FACTS = ("device", "cpu.model", "cpu.capability", "gpu.name")
"""What provenance tells about hardware, and about which of its instructions torch uses."""

NORMAL = 1.96
"""The quantile of the standard normal distribution at 97.5 %."""


@dataclass(frozen=True)
class Accuracy:
    """The accuracy of a run at a point, as it was and as it is, in percent.

    Attributes:
        allowed: how many percentage points apart they may be (`allowance`).
        seeds: how many seeds told that, the run's own among them.
        images: how many test images there are.
    """

    point: float | None
    was: float
    now: float
    allowed: float
    seeds: int
    images: int

    @property
    def far(self) -> bool:
        """Whether they are further apart."""
        return abs(self.now - self.was) > self.allowed


@dataclass(frozen=True)
class Elsewhere:
    """The same run on two pieces of hardware.

    Attributes:
        moved: in which facts these differ.
        broken: in which numbers the records differ that no hardware changes.
        accuracies: at each point that both have.
    """

    moved: dict[str, Pair]
    broken: dict[str, Pair]
    accuracies: list[Accuracy]

    @property
    def explains(self) -> bool:
        """Whether other last bits explain how the records differ."""
        return not self.broken and not any(each.far for each in self.accuracies)


def elsewhere(first: Side, again: Side) -> Elsewhere | None:
    """How a run that was repeated on other hardware came out; None if it is the same hardware, as far as is known."""
    facts = moved(first.record, again.record)
    if not facts:
        return None
    beside = [each for each in same_cell.seeds(first.record, first.path) if each.outcome == first.record.outcome]
    accuracies = []
    for was in first.record.results:
        seeds = [result.accuracy for each in beside if (result := each.result(was.point)) is not None]
        if (now := again.record.result(was.point)) is not None:
            allowed = allowance(was, seeds)
            accuracies.append(Accuracy(was.point, was.accuracy, now.accuracy, allowed, len(seeds), was.test_images))
    return Elsewhere(facts, broken(first.record, again.record), accuracies)


def same_run(a: Record, b: Record) -> bool:
    """Whether two records tell of the same run on other hardware: what no hardware changes is equal."""
    return bool(moved(a, b)) and not broken(a, b)


def moved(a: Record, b: Record) -> dict[str, Pair]:
    """The facts about hardware in which two records are known to differ."""
    return differing(told(a), told(b))


def broken(a: Record, b: Record) -> dict[str, Pair]:
    """The numbers in which two records differ, and which no hardware changes."""
    return differences.changed(rigid(a), rigid(b))


def told(found: Record) -> dict[str, Any]:
    """What a record tells about hardware, by name; what it does not tell is left out."""
    facts = differences.facts(found)
    return {name: facts[name] for name in FACTS if facts.get(name)}


def differing(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Pair]:
    """Facts in which two pieces of hardware differ, of those that are told of both."""
    return {name: (one[name], other[name]) for name in one if name in other and one[name] != other[name]}


def rigid(found: Record) -> dict[str, Any]:
    """What a run has on any hardware, by name: outcome, data, network, lengths, and the sparsity that was asked for.

    Weights inside the masks are counted, zeros among them too: how many of those there are depends on rounding. Whole
    filters are not, for they have different sizes; the outcome says whether their number is the one asked for.
    """
    values = {
        "identity": found.spec.identity,
        "data_sha256": found.provenance.get("data_sha256"),
        "outcome": found.outcome,
        "epochs": found.cost.epochs,
        "mask updates": found.cost.mask_updates,
        "evaluations": [(curve.stage, curve.step) for curve in found.curves],
    }
    by_weight = not str(found.hyperparameters.get("structure", "")).startswith("Filters")
    for result in found.results:
        facts = {
            "stage": result.stage,
            "test images": result.test_images,
            "parameters": result.counts.parameters,
            "prunable weights": result.counts.prunable_weights,
            "dense MACs": result.counts.macs_dense,
            "layers": [(each.name, each.shape, each.prunable, each.macs_dense) for each in result.layers],
        }
        if result.counts.target is not None and by_weight:
            facts["weights in the masks"] = _masked_in(result)
        values |= {f"{EXACT.name(result.point)}: {name}": value for name, value in facts.items()}
    return values


def allowance(found: Result, seeds: Sequence[float]) -> float:
    """How far apart two accuracies of a run may be, in percentage points, for hardware to explain it.

    As far as runs of other seeds are from each other. Or as far as chance in the test images goes, if that is more: two
    networks that are right with the same probability p on each of n images are less than 1.96 √(2p(1 − p)/n) apart, in
    95 % of cases.

    Args:
        found: what was measured first.
        seeds: accuracies of the same cell over seeds, that of `found` among them.
    """
    right = found.accuracy / 100
    by_images = 100 * NORMAL * math.sqrt(2 * right * (1 - right) / max(found.test_images, 1))
    return max(by_images, max(seeds, default=0.0) - min(seeds, default=0.0))


def _masked_in(result: Result) -> int:
    counts = result.counts
    return round((1 - counts.prunable_sparsity) * counts.prunable_weights) + counts.active_zeros

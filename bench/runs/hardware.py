"""The same run on other hardware: what may differ there, by how much, and what may not.

Another processor sums in another order and so rounds otherwise; after many steps the last bits have become other
accuracies, as another seed gives them. What was asked, what was counted and how long it trained stays what it was.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from bench.record import Record, Result
from bench.runs import differences
from bench.runs.differences import Pair
from bench.statistics import quantile, summarise

FACTS = ("device", "cpu.model", "cpu.capability", "gpu.name")
"""What provenance tells about hardware, and about which of its instructions torch uses."""

NORMAL = 1.96
"""The quantile of the standard normal distribution at 97.5 %."""


def moved(a: Record, b: Record) -> dict[str, Pair]:
    """The facts about hardware in which two records are known to differ."""
    return differing(told(a), told(b))


def told(found: Record) -> dict[str, Any]:
    """What a record tells about hardware, by name; what it does not tell is left out."""
    facts = differences.facts(found)
    return {name: facts[name] for name in FACTS if facts.get(name)}


def differing(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Pair]:
    """Facts in which two pieces of hardware differ, of those that are told of both."""
    return {name: (one[name], other[name]) for name in one if name in other and one[name] != other[name]}


def broken(a: Record, b: Record) -> dict[str, Pair]:
    """The numbers in which two records of a run differ, and which no hardware changes."""
    return differences.changed(rigid(a), rigid(b))


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
        point = "dense" if result.point is None else f"{100 * result.point:.10g} %"
        values |= {f"{point}: {name}": value for name, value in facts.items()}
    return values


def allowance(found: Result, seeds: Sequence[float]) -> float:
    """How far apart two accuracies may be, in percentage points, to pass for the same network's on other hardware.

    The larger of two 95 % bounds. Chance in the test images: two networks that are right with the same probability p on
    each of n images differ by less than 1.96 √(2p(1 − p)/n). And the spread of seeds: two runs of different seeds,
    whose accuracies have the standard deviation s, differ by less than t √2 s, with Student's t of as many degrees of
    freedom as there are seeds, less one.

    Args:
        found: the result.
        seeds: accuracies of the same cell over seeds, its own among them; below two they tell nothing.
    """
    right = found.accuracy / 100
    by_images = 100 * NORMAL * math.sqrt(2 * right * (1 - right) / max(found.test_images, 1))
    n, _, std = summarise(seeds)
    return by_images if n < 2 else max(by_images, quantile(0.975, n - 1) * math.sqrt(2) * std)


def _masked_in(result: Result) -> int:
    counts = result.counts
    return round((1 - counts.prunable_sparsity) * counts.prunable_weights) + counts.active_zeros

"""How STR counts: kept weights of convolutions and linear layers, their multiply-adds, and one for each pooled value.

Read in RAIVNLab/STR, `budgets/STR_Budgets_ResNet50.csv`, which lists weights, multiply-adds and the sparsity of every
layer under 16 budgets; `published/counts/layers/2002.03231.csv` has the sparsities. Biases and BN are not counted.
"""

from __future__ import annotations

import csv
from functools import cache

from bench.counts import COUNTS, Count
from bench.counts.measured import Measured
from bench.counts.networks import NETWORKS, all_kept
from bench.errors import UserError

LAYERS = COUNTS / "layers" / "2002.03231.csv"
HALF_UNIT = 0.005 / 100
"""Of the sparsities that the source prints, as a fraction."""

POOLED = 7 * 7
"""Pixels of a channel that the last pooling takes the mean of; both networks have as many channels as fc has inputs."""


def layerwise(count: Count) -> Measured:
    """The value of a count."""
    layers = NETWORKS[count.network](all_kept)
    known = budget(count)
    pooled = POOLED * layers[-1].shape[1]
    if count.part == "backbone":
        layers, pooled = layers[:-1], 0
    weights = {layer.name: layer.weights for layer in layers}
    if count.quantity == "flops":
        costs, rest = {layer.name: layer.weights * layer.positions for layer in layers}, pooled
    else:
        costs, rest = weights, 0
    error = HALF_UNIT * sum(costs.values()) if known else 0.0
    kept = sum(cost * (1 - known.get(name, 0.0)) for name, cost in costs.items())
    if count.quantity == "sparsity":
        total = sum(weights.values())
        return Measured(1 - kept / total, error / total)
    return Measured(kept + rest, error)


def budget(count: Count) -> dict[str, float]:
    """The sparsity of each layer by its name, as a fraction; that of the whole network where no more is known.

    Raises `UserError` if the source lists no such sparsity.
    """
    if count.sparsity is None:
        return {}
    if count.distribution == "overall":
        return dict.fromkeys((layer.name for layer in NETWORKS[count.network](all_kept)), count.sparsity)
    name = f"{100 * count.sparsity:.2f}"
    if name not in _budgets():
        raise UserError(f"count '{count.id}': field 'sparsity': {LAYERS} has no column '{name}'.")
    return _budgets()[name]


@cache
def _budgets() -> dict[str, dict[str, float]]:
    with LAYERS.open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    names = [name for name in lines[0] if name != "layer"]
    return {name: {line["layer"]: float(line[name]) / 100 for line in lines} for name in names}

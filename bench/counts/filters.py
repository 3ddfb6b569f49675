"""How Li et al. 2017 (L1-norm filter pruning) count: weights and multiply-adds of convolutions and linear layers.

Read in the paper: a convolution's operations are its weights times the pixels of the map that goes out (section 3), and
table 2 lists VGG-16's layers, convolutions and linear ones, so. Biases, BN and pooling are not counted. Of n filters
⌊n · (1 − rate)⌋ stay; rates and the convolutions that are left alone are in sections 4.1 to 4.3.
"""

from __future__ import annotations

import math

from bench.allocation import DIGITS
from bench.counts import Count
from bench.counts.measured import Measured
from bench.counts.networks import NETWORKS, Kept, Layer, all_kept
from bench.errors import UserError


def filters(count: Count) -> Measured:
    """The value of a count."""
    build = NETWORKS[count.network]
    dense, left = build(all_kept), build(kept(count))
    cost = _macs if count.quantity.startswith("flops") else _weights
    if count.quantity.endswith("_reduction"):
        return Measured(1 - cost(left) / cost(dense))
    return Measured(cost(left))


def kept(count: Count) -> Kept:
    """How many filters of a convolution stay; asking raises `UserError` where no rate is given for its stage."""

    def number_kept(number: int, filters: int, stage: int) -> int:
        if not count.rates or number in count.skipped:
            return filters
        if stage >= len(count.rates):
            raise UserError(f"count '{count.id}': field 'rates': {len(count.rates)} are fewer than stages.")
        return math.floor(round(filters * (1 - count.rates[stage]), DIGITS))

    return number_kept


def _weights(layers: list[Layer]) -> int:
    return sum(layer.weights for layer in layers)


def _macs(layers: list[Layer]) -> int:
    return sum(layer.weights * layer.positions for layer in layers)

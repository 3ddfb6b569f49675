"""How RigL's code counts: by the rules of the MicroNet challenge, on the layers of Keras' networks.

Read in google-research/rigl (`get_stats` of `rigl/sparse_utils.py`) and in google-research/google-research
(`micronet_challenge/counting.py`):

* Every output of a convolution or linear layer costs a multiplication a weight, one addition less, one for its bias,
  and one operation for a ReLU, the classifier's outputs too. BN, pooling and sums cost nothing.
* Weights are 32 bits, and a layer that is sparse has one more bit for each of its weights. Biases are dense.
* Keras pads the maps of some layers beforehand, and the padded map is then counted as if it were padded again: the
  first layer of ResNet-50 on 115 pixels a side instead of 112, MobileNet's strided layers on 113, 57, 29, 15 and 8.
* A depthwise layer is a convolution with one output channel: one bias, and one ReLU a pixel.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.allocation import ERK, Uniform
from bench.counts import Count
from bench.counts.measured import Measured
from bench.counts.networks import NETWORKS, Layer, all_kept

Whole = Callable[[float], int]
"""How a layer's number of zeros becomes whole before ERK divides what is left."""


@dataclass(frozen=True)
class MicroNet:
    """The counter.

    Attributes:
        zeros: `math.ceil` in the authors' code until April 2020, `math.floor` from October 2020 on.
    """

    zeros: Whole

    def __call__(self, count: Count) -> Measured:
        """The value of a count."""
        layers = NETWORKS[count.network](all_kept)
        sparse = sparsities(count, layers, self.zeros)
        if count.quantity == "size":
            return Measured(size(layers, sparse))
        if count.quantity == "sparsity":
            return Measured(sparsity(layers, sparse))
        operations = flops(count.network, layers, sparse)
        if count.quantity == "flops_ratio":
            operations /= flops(count.network, layers, dict.fromkeys(sparse, 0.0))
        return Measured(operations)


def pruned(count: Count, layers: Sequence[Layer]) -> list[Layer]:
    """The layers that are not kept dense."""
    kinds = count.kept_dense
    return [layer for layer in layers if layer.name not in kinds and not (layer.depthwise and "depthwise" in kinds)]


def sparsities(count: Count, layers: Sequence[Layer], zeros: Whole) -> dict[str, float]:
    """Of each layer; the authors' ERK is ours for a target of which each layer's zeros are a whole number."""
    zeros_of = dict.fromkeys((layer.name for layer in layers), 0.0)
    if count.sparsity is None:
        return zeros_of
    shapes = {layer.name: layer.shape for layer in pruned(count, layers)}
    units = {name: math.prod(shape) for name, shape in shapes.items()}
    if count.distribution == "uniform":
        densities = Uniform().densities(shapes, units, count.sparsity)
    else:
        target = sum(zeros(count.sparsity * number) for number in units.values()) / sum(units.values())
        densities = ERK().densities(shapes, units, target)
    return zeros_of | {name: 1 - density for name, density in densities.items()}


def side(network: str, layer: Layer) -> int:
    """Of the map that goes out, in pixels, as it is counted."""
    padded = 6 * (network == "resnet50" and layer.name == "conv1") + (network == "mobilenetv1_100") * (layer.stride - 1)
    return math.ceil((layer.side + padded) / layer.stride)


def flops(network: str, layers: Sequence[Layer], sparse: dict[str, float]) -> float:
    """Operations for one image, a multiplication and an addition being two."""
    total = 0.0
    for layer in layers:
        products = layer.weights / _outputs(layer) * (1 - sparse[layer.name])
        total += (2 * products + 1) * _outputs(layer) * side(network, layer) ** 2  # 2p - 1, the bias, the ReLU
    return total


def size(layers: Sequence[Layer], sparse: dict[str, float]) -> float:
    """In bytes."""
    bits = 0.0
    for layer in layers:
        bits += 32 * (layer.weights * (1 - sparse[layer.name]) + _outputs(layer))
        bits += layer.weights if sparse[layer.name] > 0 else 0
    return bits / 8


def sparsity(layers: Sequence[Layer], sparse: dict[str, float]) -> float:
    """Zeros among the weights; a layer's number of zeros is cut to a whole one."""
    zeros = sum(int(layer.weights * sparse[layer.name]) for layer in layers)
    return zeros / sum(layer.weights for layer in layers)


def _outputs(layer: Layer) -> int:
    return 1 if layer.depthwise else layer.outputs

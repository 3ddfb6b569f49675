"""The second counter: layers as fvcore finds them in networks that torch builds, counted without `bench.counts.networks`.

A verdict that a number differs needs two counters of ours that agree. This one reads `traced.csv`, a line per weight tensor of
a real network with its shape and multiply-adds (`bench.flops`), and counts in another way than the first: ERK's scale is found
by bisection, and pruned filters are fractions of tensors instead of smaller networks. `tests/bench/test_counts_traced.py`
holds the file to the code.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from bench.counts import Count
from bench.counts.filters import kept

FILE = Path(__file__).with_suffix(".csv")
STEPS = 200
"""Of a bisection, after which a float does not change any more."""


@dataclass(frozen=True)
class Tensor:
    """A weight tensor, and the multiply-adds of its layer for one image."""

    name: str
    shape: tuple[int, ...]
    macs: int

    @property
    def weights(self) -> int:
        """How many there are."""
        return math.prod(self.shape)


@cache
def tensors(network: str) -> tuple[Tensor, ...]:
    """Of a network, in the model's order; empty if it was not traced."""
    with FILE.open(encoding="utf-8", newline="") as file:
        return tuple(
            Tensor(line["tensor"], tuple(map(int, line["shape"].split("x"))), int(line["macs"]))
            for line in csv.DictReader(file)
            if line["network"] == network
        )


@dataclass(frozen=True)
class Size:
    """In bytes, by RigL's rules (`bench.counts.micronet`); None for what is no size, or of a depthwise network.

    Attributes:
        zeros: how each layer's number of zeros becomes whole.
    """

    zeros: Callable[[float], int]

    def __call__(self, count: Count) -> float | None:
        """The value of a count."""
        found = tensors(count.network)
        if count.quantity != "size" or not found:
            return None
        left = [each for each in found if not _dense(each, count)] if count.sparsity is not None else []
        biases = sum(1 if _depthwise(each) else each.shape[0] for each in found)
        weights = sum(each.weights for each in found) - sum(each.weights for each in left)
        if count.sparsity is not None:
            whole = sum(each.weights for each in left)
            cut = sum(self.zeros(count.sparsity * each.weights) for each in left)
            alone = count.distribution == "uniform"
            share = [1 - count.sparsity] * len(left) if alone else _erk([_conv(each) for each in left], whole - cut)
            weights_left = sum(one * each.weights for one, each in zip(share, left, strict=True))
            masks = sum(each.weights for one, each in zip(share, left, strict=True) if one < 1)
            return 4 * (weights + weights_left + biases) + masks / 8
        return 4.0 * (weights + biases)


def _depthwise(tensor: Tensor) -> bool:
    return len(tensor.shape) == 4 and tensor.shape[1] == 1


def _dense(tensor: Tensor, count: Count) -> bool:
    first = tensor == tensors(count.network)[0]
    return (first and "conv1" in count.kept_dense) or (_depthwise(tensor) and "depthwise" in count.kept_dense)


def _conv(tensor: Tensor) -> tuple[int, ...]:
    """A tensor's shape; MobileNet's classifier, which timm has as a linear layer, is a convolution to RigL's code."""
    return (*tensor.shape, 1, 1) if tensor.name == "classifier.weight" else tensor.shape


def _erk(shapes: list[tuple[int, ...]], budget: int) -> list[float]:
    """The fraction of each layer's weights that is kept: min(1, scale · raw), with the scale that meets the budget."""
    raw = [sum(shape) / math.prod(shape) for shape in shapes]
    low, high = 0.0, 1 / min(raw)
    for _ in range(STEPS):
        scale = (low + high) / 2
        kept_weights = sum(min(1.0, scale * one) * math.prod(shape) for one, shape in zip(raw, shapes, strict=True))
        low, high = (scale, high) if kept_weights < budget else (low, scale)
    return [min(1.0, high * one) for one in raw]


def pruned_filters(count: Count) -> float | None:
    """By the rules of Li et al. (`bench.counts.filters`), for a ResNet of basic blocks; None for other networks.

    A convolution in front of a block's pruned maps loses the same share of its weights as the one behind them.
    """
    found = tensors(count.network)
    if not found:
        return None
    stages = sorted({each.shape[0] for each in found[:-1]})
    costs, left, number, share = [], [], 0, 1.0
    for tensor in found:
        number += "downsample" not in tensor.name
        filters = tensor.shape[0]
        if number % 2 == 0 and "downsample" not in tensor.name:
            share = kept(count)(number, filters, stages.index(filters)) / filters
        cost = tensor.macs if count.quantity.startswith("flops") else tensor.weights
        costs.append(cost)
        left.append(cost if number == 1 or "downsample" in tensor.name or tensor == found[-1] else cost * share)
    return 1 - sum(left) / sum(costs) if count.quantity.endswith("_reduction") else sum(left)


def kept_weights(count: Count) -> float | None:
    """Weights of convolutions and linear layers, without those that a sparsity of the whole network takes."""
    if count.quantity != "parameters" or count.distribution == "layers" or count.part == "backbone":
        return None
    return (1 - (count.sparsity or 0.0)) * sum(each.weights for each in tensors(count.network)) or None

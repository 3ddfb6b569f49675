"""The second counter: layers as fvcore finds them in real networks, counted without `bench.counts.networks`.

A verdict that a number differs needs two counters of ours that agree. This one reads `traced.csv`, a line per weight
tensor of a network that torch has built, with its shape and multiply-adds (`bench.counting.flops`), and counts in
another way than the first: ERK's scale is found by bisection, and pruned filters are fractions of tensors instead of
smaller networks. `tests/counts/test_counts_traced.py` holds the file to the code.
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
    """In bytes, by RigL's rules (`bench.counts.micronet`); None for what is no size.

    Attributes:
        zeros: how each layer's number of zeros becomes whole.
    """

    zeros: Callable[[float], int]

    def __call__(self, count: Count) -> float | None:
        """The value of a count."""
        layers = tensors(count.network)
        if count.quantity != "size" or not layers:
            return None
        pruned = [each for each in layers if count.sparsity is not None and not _dense(each, count)]
        shares = self._shares(count, pruned)
        gone = sum((1 - share) * each.weights for share, each in zip(shares, pruned, strict=True))
        masks = sum(each.weights for share, each in zip(shares, pruned, strict=True) if share < 1)
        biases = sum(1 if _depthwise(each) else each.shape[0] for each in layers)
        return 4 * (sum(each.weights for each in layers) - gone + biases) + masks / 8

    def _shares(self, count: Count, pruned: list[Tensor]) -> list[float]:
        """The fraction of each tensor's weights that is kept."""
        if count.sparsity is None or count.distribution == "uniform":
            return [1 - (count.sparsity or 0.0)] * len(pruned)
        budget = sum(each.weights - self.zeros(count.sparsity * each.weights) for each in pruned)
        return _erk([_conv(each) for each in pruned], budget)


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
    layers = tensors(count.network)
    if not layers:
        return None
    cost = [each.macs if count.quantity.startswith("flops") else each.weights for each in layers]
    stages = sorted({each.shape[0] for each in layers[:-1]})
    left, number, share = 0.0, 0, 1.0
    for tensor, one in zip(layers[:-1], cost, strict=False):
        shortcut, filters = "downsample" in tensor.name, tensor.shape[0]
        number += not shortcut
        if number % 2 == 0 and not shortcut:
            share = kept(count)(number, filters, stages.index(filters)) / filters
        left += one if number == 1 or shortcut else one * share
    left += cost[-1]
    return 1 - left / sum(cost) if count.quantity.endswith("_reduction") else left


def kept_weights(count: Count) -> float | None:
    """Weights of convolutions and linear layers, without those that a sparsity of the whole network takes."""
    if count.quantity != "parameters" or count.distribution == "layers" or count.part == "backbone":
        return None
    return (1 - (count.sparsity or 0.0)) * sum(each.weights for each in tensors(count.network)) or None

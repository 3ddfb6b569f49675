"""The conventions that tables count by, each its source's own: what counts, and where that was read."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from bench.counts import Count
from bench.counts.filters import filters
from bench.counts.layerwise import layerwise
from bench.counts.measured import Measured
from bench.counts.micronet import MicroNet
from bench.counts.modulewise import modulewise
from bench.counts.traced import Size, kept_weights, pruned_filters


@dataclass(frozen=True)
class Convention:
    """How the numbers of a table are counted.

    Attributes:
        text: in words.
        quantities, distributions: that it knows how to count.
        measure: the first counter, from the shapes of layers.
        check: the second one, on layers that were traced; None where there is none for a count.
        inferred: the name of a convention that the source does not state, looked at where this one does not agree.
        brief: what sets it apart where it is the inferred one.
    """

    text: str
    measure: Callable[[Count], Measured]
    quantities: tuple[str, ...] = ()
    distributions: tuple[str, ...] = ()
    check: Callable[[Count], float | None] = lambda count: None
    inferred: str = ""
    brief: str = ""


_MICRONET = (
    "MicroNet's rules in RigL's code: a multiplication a weight and an addition less for each output, a bias, a ReLU; "
    "32 bits a kept weight, a bit more for each weight of a sparse layer; a depthwise layer has one bias; maps as "
    "padded by Keras (115 pixels after ResNet-50's first layer). Before ERK, the zeros of a layer are rounded {}"
)

_OF_MICRONET = (("size", "sparsity", "flops", "flops_ratio"), ("dense", "uniform", "erk"))

CONVENTIONS = {
    "micronet-up": Convention(
        _MICRONET.format("up, as in the code of January 2020"),
        MicroNet(math.ceil),
        *_OF_MICRONET,
        Size(math.ceil),
        brief="the zeros of a layer rounded up",
    ),
    "micronet-down": Convention(
        _MICRONET.format("down, as in the code of November 2020"),
        MicroNet(math.floor),
        *_OF_MICRONET,
        Size(math.floor),
        inferred="micronet-up",
    ),
    "layerwise": Convention(
        "STR's file of budgets: weights of convolutions and linear layers, without biases and BN; their multiply-adds "
        "and one for each value that the last pooling takes in",
        layerwise,
        ("parameters", "flops", "sparsity"),
        ("dense", "layers", "overall"),
        kept_weights,
    ),
    "filters": Convention(
        "section 3 and table 2 of Li et al.: weights and multiply-adds of convolutions and linear layers, without "
        "biases, BN and pooling; of n filters the whole part of n(1 - rate) stays",
        filters,
        ("parameters", "parameters_reduction", "flops", "flops_reduction"),
        ("dense", "filters"),
        pruned_filters,
    ),
    "modulewise": Convention(
        "Torch-Pruning's counter: multiply-adds of convolutions and the linear layer with its biases, two for each "
        "output of BN, one of a ReLU, one for each input of a pooling; all parameters",
        modulewise,
        ("parameters", "flops"),
        ("dense",),
    ),
}
"""By the name that `Count.convention` gives."""

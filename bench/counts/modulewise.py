"""How Torch-Pruning counts: every module of a network, by forward hooks.

Read in VainF/Torch-Pruning (`torch_pruning/utils/op_counter.py`): a convolution and a linear layer cost their
multiply-adds and one for each bias added; BN two and a ReLU one for each output; pooling one for each input; sums of
shortcuts are no modules and cost nothing. Parameters are all there are.
"""

from __future__ import annotations

from bench.counts import Count
from bench.counts.measured import Measured
from bench.counts.networks import NETWORKS, Layer, all_kept


def modulewise(count: Count) -> Measured:
    """The value of a count of a ResNet of basic blocks, every convolution of which has BN and no bias."""
    *convolutions, fc = NETWORKS[count.network](all_kept)
    if count.quantity == "parameters":
        weights = sum(layer.weights + 2 * layer.outputs for layer in convolutions)
        return Measured(weights + fc.weights + fc.outputs)
    total = sum(layer.weights * layer.positions + 2 * _activations(layer) for layer in convolutions)
    # One ReLU after the stem, one inside each block and one behind its sum, which is as large as what conv2 puts out.
    total += sum(_activations(layer) for layer in convolutions if ".downsample." not in layer.name)
    pooled = _activations(convolutions[0]) + fc.shape[1] * 7 * 7
    return Measured(total + pooled + fc.weights + fc.outputs)


def _activations(layer: Layer) -> int:
    return layer.outputs * layer.positions

"""What gates save: multiply-adds per input, as FTWT's authors count them and as skipping exactly would cost.

``flops_paper`` is the formula of FTWT's code (selkerdawy/FTWT, utils/layers.py; read, not copied), with its faults: a
depthwise convolution is free as soon as one channel is off, the number of active inputs is that of the gated layer
before, although behind a shortcut more channels carry a signal, and predictors cost nothing. ``flops_strict`` asks
which channels can carry a signal at all, given the masks, by sending ones through the network; it includes what decides
(the predictors), the classifier, and convolutions without a gate. docs/counting.md compares the two.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor, nn

from bench.base.determinism import autocast
from bench.base.modes import evaluating
from bench.context import Run
from bench.gating import Gate, Layer, gates_of, in_mode, layers


def measure(run: Run, batches: Iterable[Tensor]) -> dict[str, float]:
    """Means per image over batches of images.

    Returns:
        ``macs_dense``, ``flops_paper`` and ``flops_strict``: multiply-adds per image; ``reduction_paper`` and
        ``reduction_strict``: % of the dense network's; ``predictors``: multiply-adds of all predictors, in % of the
        dense network's; ``filters_kept``: % of the gated filters; ``layers_empty``: % of gated layers without any.
    """
    gates = gates_of(run)
    images, sums = 0, torch.zeros(4, dtype=torch.float64)
    network_layers: list[Layer] = []
    with evaluating(run.model), torch.no_grad():
        for batch in batches:
            network_layers = network_layers or layers(run.model, batch[:1])
            with autocast(run.recipe, run.device):
                run.forward(batch)
            counted = [paper(network_layers, gates), strict(run.model, network_layers, gates, batch), *_kept(gates)]
            sums += torch.stack([values.sum() for values in counted]).cpu()
            images += len(batch)
    printed, exact, kept, empty = (float(value) / images for value in sums)
    dense, overhead = sum(layer.macs for layer in network_layers), sum(map(_predictor, gates))
    return {
        "macs_dense": float(dense),
        "flops_paper": printed,
        "flops_strict": exact,
        "reduction_paper": 100 * (1 - printed / paper_dense(network_layers)),
        "reduction_strict": 100 * (1 - exact / dense),
        "predictors": 100 * overhead / dense,
        "filters_kept": 100 * kept,
        "layers_empty": 100 * empty,
    }


def _predictor(gate: Gate) -> int:
    return gate.layer.inputs * gate.layer.outputs


def _kept(gates: list[Gate]) -> tuple[Tensor, Tensor]:
    """The share of filters that is kept, and the share of layers without any, by image."""
    masks = [gate.mask.double() for gate in gates]
    empty = torch.stack([(mask.sum(1) == 0).double() for mask in masks])
    return torch.cat(masks, 1).mean(1), empty.mean(0)


def paper(network_layers: list[Layer], gates: list[Gate]) -> Tensor:
    """FTWT's formula at the gates' last masks, by image: of gated convolutions alone, each fed by the one before."""
    masks = {gate.layer.name: gate.mask.double() for gate in gates}
    gated = [layer for layer in network_layers if layer.name in masks]
    active = torch.full_like(masks[gated[0].name][:, 0], gated[0].inputs)
    total = torch.zeros_like(active)
    for layer in gated:
        inputs, active = active, masks[layer.name].sum(1)
        total += active * layer.positions * (inputs // layer.groups) * layer.taps
    return total


def paper_dense(network_layers: list[Layer]) -> int:
    """The dense multiply-adds that FTWT's code divides by: with the classifier, and the additions of biases."""
    biases = sum(layer.outputs * layer.positions for layer in network_layers if layer.bias and layer.convolution)
    return biases + sum(layer.macs for layer in network_layers)


def strict(model: nn.Module, network_layers: list[Layer], gates: list[Gate], images: Tensor) -> Tensor:
    """All multiply-adds of unmasked filters on channels that may carry a signal, and of the rest, by image."""
    masks, signals = {gate.layer.name: gate.mask for gate in gates}, _signals(model, network_layers, gates, images)
    fixed = sum(map(_predictor, gates)) + sum(layer.macs for layer in network_layers if not layer.convolution)
    total = torch.full((len(images),), float(fixed), dtype=torch.float64, device=images.device)
    for layer in network_layers:
        if layer.convolution:
            everything = torch.ones(len(images), layer.outputs, device=images.device)
            inputs = _by_group(signals[layer.name], layer.groups)
            outputs = _by_group(masks.get(layer.name, everything), layer.groups)
            total += (inputs * outputs).sum(1) * layer.positions * layer.taps
    return total


def _by_group(channels: Tensor, groups: int) -> Tensor:
    """How many channels of each group are active, (images, groups)."""
    return channels.double().view(len(channels), groups, -1).sum(2)


def _signals(model: nn.Module, network_layers: list[Layer], gates: list[Gate], images: Tensor) -> dict[str, Tensor]:
    """Which input channels of each convolution may differ from 0, (images, channels), at the gates' last masks.

    Ones take the way of the signal: a convolution makes ones of anything, normalisation does nothing, gates repeat
    their masks. Sums, poolings, paddings and activations do to them what they do to any signal.
    """
    seen: dict[str, Tensor] = {}

    def ones(name: str) -> Any:
        def hook(_module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
            seen[name] = inputs[0].amax((2, 3)) > 0
            return torch.ones_like(output)

        return hook

    modules = dict(model.named_modules())
    hooks = [(modules[layer.name], ones(layer.name)) for layer in network_layers if layer.convolution]
    norms = [module for module in modules.values() if isinstance(module, nn.BatchNorm2d)]
    hooks += [(module, lambda _module, inputs, _output: inputs[0]) for module in norms]
    with ExitStack() as attached, in_mode(gates, "replay"):
        for module, hook in hooks:  # in front of the gates' own, whose masks must stay
            attached.enter_context(module.register_forward_hook(hook, prepend=True))
        model(torch.ones_like(images))
    return seen

"""Normalisation layers: what is theirs, and batch statistics estimated anew for weights that were changed."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from bench.base.determinism import autocast
from bench.context import Run
from bench.optimization import NORMS

BATCHES = 200


def names_of(model: nn.Module) -> tuple[set[str], set[str]]:
    """The names of all parameters and of all buffers of normalisation layers."""
    layers = [(path, module) for path, module in model.named_modules() if isinstance(module, NORMS)]
    parameters = {f"{path}.{name}" for path, module in layers for name, _ in module.named_parameters()}
    return parameters, {f"{path}.{name}" for path, module in layers for name, _ in module.named_buffers()}


def freeze(model: nn.Module, statistics: bool) -> None:
    """No more training of affine parameters; with `statistics`, evaluation mode whatever mode the network is in."""
    for module in model.modules():
        if isinstance(module, NORMS):
            module.requires_grad_(False)
            if statistics:
                module.register_forward_pre_hook(_to_evaluation)


def _to_evaluation(module: nn.Module, _inputs: object) -> None:
    module.eval()


def recalibrate(run: Run, batches: int = BATCHES) -> None:
    """Set the running statistics to their plain average over so many training batches, at most an epoch of them.

    Everything else is in evaluation mode meanwhile, and no weight changes. The order is that of the last epoch.
    """
    layers = [module for module in run.model.modules() if isinstance(module, _BatchNorm) and module.track_running_stats]
    momenta = [layer.momentum for layer in layers]
    run.model.eval()
    for layer in layers:
        layer.train()
        layer.reset_running_stats()
        layer.momentum = None  # torch's way of asking for the plain average
    with torch.no_grad(), autocast(run.recipe, run.device):
        for index in range(min(batches, run.batches.steps_per_epoch)):
            run.forward(run.batches.train(run.epoch, index, phase=run.stage.phase or "train", copy=run.stage.copy)[0])
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum

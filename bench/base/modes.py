"""A network in another mode for a while, and afterwards as if nothing had been."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """The network in evaluation mode, then each of its modules in its own again."""
    training = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, mode in training.items():
            module.training = mode


@contextmanager
def no_trace(model: nn.Module, training: bool) -> Iterator[None]:
    """Run forward passes in a given mode and leave buffers, mode and the default generator as they were."""
    was_training, before = model.training, [buffer.clone() for buffer in model.buffers()]
    devices = list({p.device.index for p in model.parameters() if p.device.type == "cuda"})
    try:
        with torch.random.fork_rng(devices=devices):
            model.train(training)
            yield
    finally:
        model.train(was_training)
        with torch.no_grad():
            for buffer, old in zip(model.buffers(), before, strict=True):
                buffer.copy_(old)

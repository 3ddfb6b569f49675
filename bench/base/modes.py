"""A network in another mode for a while, and afterwards as if nothing had been."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

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


class no_trace:  # noqa: N801 - reads as a statement
    """Run forward passes in a given mode and leave buffers, mode and the default generator as they were."""

    def __init__(self, model: nn.Module, training: bool) -> None:
        self.model, self.training = model, training

    def __enter__(self) -> None:
        self.was_training = self.model.training
        self.buffers = [buffer.clone() for buffer in self.model.buffers()]
        devices = list({p.device.index for p in self.model.parameters() if p.device.type == "cuda"})
        self.rng = torch.random.fork_rng(devices=devices)
        self.rng.__enter__()
        self.model.train(self.training)

    def __exit__(self, *exception: Any) -> None:
        self.rng.__exit__(*exception)
        self.model.train(self.was_training)
        with torch.no_grad():
            for buffer, before in zip(self.model.buffers(), self.buffers, strict=True):
                buffer.copy_(before)

"""ResNet-20 on CIFAR-10 at batch 128: as the engine trains it, and as the barest loop would.

The images are random, their shape is real: nothing here depends on what is in them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from bench import data
from bench.catalog import create
from bench.context import Run
from bench.data import Images
from bench.data.batches import Batches
from bench.initialise import build
from bench.macs import TrainingMacs
from bench.method import Dense, Stage
from bench.prunable import prunable
from bench.recipe import Phase, Recipe, load
from bench.train import Trainer

BATCH, LONG = 128, 1000
RATE = 1e-6
"""So low that weights hardly move: noise as data must not make a network diverge."""


def recipe(**changes: Any) -> Recipe:
    """The recipe ``cifar10`` (random crops and flips, SGD with Nesterov momentum), at a low rate."""
    phase = Phase(epochs=LONG, lr=RATE, schedule="multistep", milestones=(LONG / 2, LONG * 3 / 4))
    return load("cifar10").model_copy(update={"train": phase} | changes)


def images(train: int, test: int) -> Images:
    """So many random images of CIFAR-10's shape, with labels."""
    drawn = torch.Generator().manual_seed(0)
    parts = [
        part
        for count in (train, test)
        for part in (
            torch.randint(256, (count, 3, 32, 32), generator=drawn, dtype=torch.uint8),
            torch.randint(10, (count,), generator=drawn),
        )
    ]
    return Images(*parts)


def network() -> nn.Module:
    """ResNet-20 as a run starts with it."""
    return build("resnet20_cifar", 10, 3, (32, 32), recipe(), 0)


def trainer(method: str, sparsity: float = 0.9, steps: int = 64, test: int = BATCH, **changes: Any) -> Trainer:
    """The engine's trainer of a method, with epochs of so many steps."""
    info = replace(data.info("cifar10"), train_images=steps * BATCH, test_images=test)
    batches = Batches(images(info.train_images, test), info, recipe(**changes), 0)
    model, made = network(), create(method, {}) if method != "dense" else Dense()
    run = Run(made, model, prunable(model, "all"), batches.recipe, batches, Stage("train", sparsity), 0)
    made.build(run)
    sizes = {name: weight.numel() for name, weight in run.weights.items()}
    return Trainer(run, TrainingMacs(dict.fromkeys(sizes, 1), sizes, made.zeros), checkpoint_seconds=float("inf"))


def steps_of(one: Trainer, steps: int = 1) -> Callable[[], None]:
    """A function that trains for so many more steps."""

    def go() -> None:
        one.stop = one.progress.step + steps
        one.train(resumed=one.progress.step > 0)

    return go


def bare_epoch(steps: int, test: int) -> Callable[[], None]:
    """An epoch without engine: float images that are normalised and in place, no augmentation, nothing noted."""
    model, parts = network(), images(steps * BATCH, test)
    optimizer = torch.optim.SGD(model.parameters(), RATE, momentum=0.9, nesterov=True, weight_decay=5e-4)
    train_x, test_x = (
        part.float().div_(127.5).sub_(1).contiguous(memory_format=torch.channels_last)
        for part in (parts.train_x, parts.test_x)
    )

    def go() -> None:
        model.train()
        for chosen in torch.randperm(len(train_x)).split(BATCH):
            loss = cross_entropy(model(train_x[chosen]), parts.train_y[chosen])
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
        model.eval()
        with torch.no_grad():
            (model(test_x).argmax(1) == parts.test_y).float().mean().item()

    return go

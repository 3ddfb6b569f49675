"""ResNet-20 on CIFAR-10, and LeNet-300-100 on MNIST: as the engine trains them, and as the barest loop would.

The images are random, their shape is real: nothing here depends on what is in them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from bench import data
from bench import recipe as recipes
from bench.catalog import create
from bench.context import Run
from bench.counting.macs import TrainingMacs
from bench.data import Images
from bench.data.batches import Batches
from bench.initialise import build
from bench.method import Dense, Stage
from bench.recipe import Phase, Recipe
from bench.recipe.prunable import prunable
from bench.training.train import Trainer

LONG = 1000
RATE = 1e-6
"""So low that weights hardly move: noise as data must not make a network diverge."""


@dataclass(frozen=True)
class Load:
    """A network, its data set, and the recipe that says what happens to images and weights."""

    architecture: str
    dataset: str
    recipe: str

    @property
    def batch(self) -> int:
        """Images in a batch."""
        return recipes.load(self.recipe).batch_size


RESNET = Load("resnet20_cifar", "cifar10", "cifar10")
LENET = Load("lenet_300_100", "mnist", "snfs_mnist[data.validation=0]")
BATCH = RESNET.batch


def recipe(load: Load = RESNET, **changes: Any) -> Recipe:
    """Its recipe, at a low rate, with fields changed."""
    phase = Phase(epochs=LONG, lr=RATE, schedule="multistep", milestones=(LONG / 2, LONG * 3 / 4))
    return recipes.load(load.recipe).model_copy(update={"train": phase} | changes)


def images(train: int, test: int, load: Load = RESNET) -> Images:
    """So many random images of the data set's shape, with labels."""
    drawn, info = torch.Generator().manual_seed(0), data.info(load.dataset)
    shape = info.channels, info.height, info.width
    parts = [
        part
        for count in (train, test)
        for part in (
            torch.randint(256, (count, *shape), generator=drawn, dtype=torch.uint8),
            torch.randint(info.classes, (count,), generator=drawn),
        )
    ]
    return Images(*parts)


def network(load: Load = RESNET) -> nn.Module:
    """The network as a run starts with it."""
    info = data.info(load.dataset)
    return build(load.architecture, info.classes, info.channels, (info.height, info.width), recipe(load), 0)


def trainer(
    method: str, sparsity: float = 0.9, steps: int = 64, test: int = BATCH, load: Load = RESNET, **changes: Any
) -> Trainer:
    """The engine's trainer of a method, with epochs of so many steps."""
    info = replace(data.info(load.dataset), train_images=steps * load.batch, test_images=test)
    batches = Batches(images(info.train_images, test, load), info, recipe(load, **changes), 0)
    model, made = network(load), create(method, {}) if method != "dense" else Dense()
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


def bare_epoch(steps: int, test: int, load: Load = RESNET) -> Callable[[], None]:
    """An epoch without engine: float images that are normalised and in place, no augmentation, nothing noted."""
    model, parts, batch = network(load), images(steps * load.batch, test, load), load.batch
    optimizer = torch.optim.SGD(model.parameters(), RATE, momentum=0.9, nesterov=True, weight_decay=5e-4)
    train_x, test_x = (
        part.float().div_(127.5).sub_(1).contiguous(memory_format=torch.channels_last)
        for part in (parts.train_x, parts.test_x)
    )

    def go() -> None:
        model.train()
        for chosen in torch.randperm(len(train_x)).split(batch):
            loss = cross_entropy(model(train_x[chosen]), parts.train_y[chosen])
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
        model.eval()
        with torch.no_grad():
            (model(test_x).argmax(1) == parts.test_y).float().mean().item()

    return go

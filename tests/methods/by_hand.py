"""A stage on a network small enough to work out by hand."""

from __future__ import annotations

import torch
from torch import nn

from bench.context import Run
from bench.counting.macs import TrainingMacs
from bench.method import Method
from bench.recipe import Recipe
from bench.recipe.prunable import prunable
from bench.training.train import Trainer


class OneBatch:
    """The same batch at every step; ten steps an epoch."""

    steps_per_epoch, train_size, scoring_size = 10, 10, 1

    def __init__(self, images: torch.Tensor, labels: torch.Tensor) -> None:
        self.batch = (images, labels)

    def train(self, epoch, index, *, phase="train", copy=0):
        """The batch."""
        return self.batch

    def scoring(self, batch, *keys):
        """The batch."""
        return self.batch

    def balanced(self, per_class, batch, *keys):
        """The batch."""
        return self.scoring(batch, *keys)

    def evaluation(self, split):
        """The batch."""
        yield self.batch


def trainer_for(method: Method, model: nn.Module, images, labels, point: float, **recipe) -> Trainer:
    """A trainer before its first step: plain SGD with rate 1 for ten steps, unless `recipe` says otherwise."""
    plain = {"momentum": 0.0, "weight_decay": 0.0}
    values = {
        "batch_size": 1,
        "train": {"epochs": 1, "lr": 1.0},
        "finetune": {"epochs": 1, "lr": 1.0},
        "optimizer": plain,
        "precision": "fp64",
    } | recipe
    batches = OneBatch(torch.tensor(images, dtype=torch.float64), torch.tensor(labels))
    model.double()
    stage = method.stages((point,))[-1]
    run = Run(method, model, prunable(model, "all"), Recipe.read(values, "by hand"), batches, stage, seed=0)
    method.build(run)
    sizes = {name: weight.numel() for name, weight in run.weights.items()}
    return Trainer(run, TrainingMacs(dict.fromkeys(sizes, 1), sizes, method.zeros))


def linear(*rows: list[list[float]]) -> nn.Sequential:
    """Linear layers without biases, with the given weights."""
    layers = []
    for weights in rows:
        layer = nn.Linear(len(weights[0]), len(weights), bias=False)
        layer.weight.data = torch.tensor(weights)
        layers.append(layer)
    return nn.Sequential(*layers)

"""A layer or two whose mask an update moves, with weights, momentum and draws put in by hand."""

import torch

from bench import catalog
from bench.tensors import NamedTensors
from tests.methods.by_hand import linear, trainer_for

NAME = "0.weight"
ROW = [4.0, -3.0, 2.0, -1.0, 0.0, 0.0, 0.0, 0.0]

TWO = ([[1.0] * 4] * 4, [[1.0] * 4] * 2)  # layers of 16 and 8 weights


def prepared(name, rows=(ROW,), point=0.5, recipe=None, **fields):
    """A trainer on a chain of one-row layers; every layer after the first is scaled by one weight."""
    model = linear([list(rows[0])] * 2) if len(rows) == 1 else linear(*rows)
    inputs = len(rows[0]) if len(rows) == 1 else len(rows[0][0])
    return trainer_for(catalog.create(name, fields), model, [[1.0] * inputs], [0], point, **(recipe or {}))


def put(run, weights, mask, momentum=None, name=NAME):
    """Set weights, mask and momentum of a layer."""
    run.weights[name].copy_(torch.tensor(weights))
    run.masks[name].copy_(torch.tensor(mask))
    if momentum is not None:
        buffer = torch.tensor(momentum, dtype=torch.float64)
        run.optimizer.state[run.parameters[name]]["momentum_buffer"] = buffer


def draws(monkeypatch, run, **values):
    """Let `run.random` or `run.gradients` return given values."""
    for function, tensors in values.items():
        named = NamedTensors({name: torch.tensor(value, dtype=torch.float64) for name, value in tensors.items()})
        monkeypatch.setattr(type(run), function, lambda self, *args, named=named: named)


def two_layers(name, **fields):
    """Layer 0 keeps eight weights (1 … 8), layer 1 four (10 … 13)."""
    trainer = prepared(name, TWO, **fields)
    run = trainer.run
    first = [[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0], [0.0] * 4, [0.0] * 4]
    second = [[10.0, 11.0, 12.0, 13.0], [0.0] * 4]
    put(run, first, [[1.0] * 4] * 2 + [[0.0] * 4] * 2, name="0.weight")
    put(run, second, [[1.0] * 4, [0.0] * 4], name="1.weight")
    return trainer

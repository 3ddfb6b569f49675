"""SET's tutorial: its network and training steps against plain numpy, its sizes, its rows and its grid.

The numpy here is written from the formulas of the programs' functions, in float64, with weights as (inputs, outputs).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from bench import archs, catalog, recipe
from bench.archs import mlp_set
from bench.initialise import build
from bench.plan import grid
from bench.recipe.prunable import prunable
from tests.methods.by_hand import trainer_for

CONFIG = Path(__file__).parents[2] / "configs" / "papers" / "set_tutorial.yaml"
DENSE = "set_tutorial[train.lr=0.04,optimizer.bias_rate=0.025]"
WIDTHS = (9, 7, 6, 5, 4)
"""Inputs, three hidden layers, classes."""

CONNECTIONS = [
    (22_854, 25_639, 25_628, 7_301),
    (22_879, 25_677, 25_673, 7_335),
    (22_853, 25_706, 25_679, 7_305),
    (22_828, 25_650, 25_635, 7_298),
    (22_827, 25_666, 25_684, 7_324),
]
"""What the tutorial's code prints of its layers at epsilon 13, for numpy's seeds 0 to 4 (run at 62ac974)."""


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def forward(weights, biases, x, kept):
    """Inputs of every layer, where its ReLU lets through, and outputs; in training, where dropout keeps something."""
    inputs, open_ = [x], []
    for weight, bias, kept_here in zip(weights[:-1], biases[:-1], kept, strict=True):
        z = inputs[-1] @ weight + bias
        open_.append(z > 0)
        inputs.append(np.maximum(z, 0) * kept_here)
    return inputs, open_, sigmoid(inputs[-1] @ weights[-1] + biases[-1])


def in_evaluation(weights, biases, x, rate):
    """Outputs: what enters an activation is scaled, biases too, in all layers but the first."""
    for number, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        z = (x @ weight + bias) * (1 if number == 0 else 1 - rate)
        x = np.maximum(z, 0)
    return sigmoid(z)


def gradients(weights, biases, x, y, kept):
    """Of weights, summed over the batch, and of biases, averaged; dropout is not seen on the way back."""
    inputs, open_, outputs = forward(weights, biases, x, kept)
    delta = (outputs - y) * sigmoid(outputs) * (1 - sigmoid(outputs))
    found = []
    for layer in reversed(range(len(weights))):
        found.append((inputs[layer].T @ delta, delta.mean(0)))
        if layer:
            delta = (delta @ weights[layer].T) * open_[layer - 1]
    return found[::-1]


@pytest.fixture
def dropout(monkeypatch):
    """Draws of dropout for three batches of 40 images and three hidden layers, in the order of their use."""
    draws = np.random.default_rng(1).random((3, 3, 40, max(WIDTHS)))
    queue = [draws[batch, layer, :, : WIDTHS[layer + 1]] for batch in range(3) for layer in range(3)]
    left = [torch.from_numpy(draw.copy()) for draw in queue]
    monkeypatch.setattr(mlp_set.torch, "rand_like", lambda like: left.pop(0))
    return [(draw >= 0.2).astype(float) for draw in queue]


@pytest.mark.parametrize(
    ("method", "text", "rate", "images"),
    [
        # the dense program has a smaller rate and adds up the gradients of a batch's images, but those of biases
        ("dense", DENSE, 0.001, 1),
        ("random[allocation=erdraws]", "set_tutorial", 0.05, 40),
    ],
)
def test_three_steps_are_those_of_the_tutorial(method, text, rate, images, dropout):
    protocol = recipe.load(text)
    torch.manual_seed(0)
    model = mlp_set.SetPerceptron(WIDTHS[1:-1], num_classes=4, img_size=(3, 3), drop_rate=protocol.dropout)
    model.double()
    for bias in (each for name, each in model.named_parameters() if name.endswith("bias")):
        nn.init.normal_(bias, std=0.1)
    x, labels = np.random.default_rng(0).random((40, 1, 3, 3)), [0, 1, 2, 3] * 10
    settings = protocol.model_dump(include={"train", "optimizer", "loss"})
    trainer = trainer_for(catalog.create(*catalog.parse(method)), model, x, labels, 0.5, **settings)
    if method != "dense":
        trainer._update(trainer.run.method.update_masks)
    layers = ["fc1", "fc2", "fc3", "fc"]
    weights = [model.get_parameter(f"{each}.weight").detach().numpy().T.copy() for each in layers]
    biases = [model.get_parameter(f"{each}.bias").detach().numpy().copy() for each in layers]
    masks = [trainer.run.masks[f"{each}.weight"].numpy().T.copy() for each in layers]
    assert (method == "dense") == all(mask.all() for mask in masks)

    speeds = [(np.zeros_like(weight), np.zeros_like(bias)) for weight, bias in zip(weights, biases, strict=True)]
    for step in range(3):
        trainer._optimize(*trainer.run.batches.batch, step)
        slopes = gradients(weights, biases, x.reshape(40, 9), np.eye(4)[labels], dropout[3 * step : 3 * step + 3])
        for layer, (weight, bias) in enumerate(slopes):
            faster = (
                0.9 * speeds[layer][0] - rate * weight / images * masks[layer],
                0.9 * speeds[layer][1] - rate * bias,
            )
            weights[layer] = weights[layer] + faster[0] - 2e-4 * weights[layer]
            biases[layer] = biases[layer] + faster[1] - 2e-4 * biases[layer]
            speeds[layer] = faster
    for layer, name in enumerate(layers):
        assert pytest.approx(weights[layer], rel=1e-11) == model.get_parameter(f"{name}.weight").detach().numpy().T
        assert model.get_parameter(f"{name}.bias").detach().numpy() == pytest.approx(biases[layer], rel=1e-11)

    model.eval()
    with torch.no_grad():
        outputs = model(torch.from_numpy(x)).sigmoid().numpy()
    assert outputs == pytest.approx(in_evaluation(weights, biases, x.reshape(40, 9), 0.2), rel=1e-11)


def test_a_recipe_without_dropout_makes_it_the_plain_perceptron():
    torch.manual_seed(0)
    plain, of_set = (archs.own(name, img_size=(4, 4)) for name in ("mlp_1000_1000_1000", "mlp_1000_1000_1000_set"))
    of_set.load_state_dict(plain.state_dict())
    images = torch.rand(2, 1, 4, 4)
    for mode in (True, False):
        assert torch.equal(plain.train(mode)(images), of_set.train(mode)(images))


def test_the_first_weights_are_those_of_the_tutorial():
    """N(0, 1) / 10, whatever the layer's size, and biases 0."""
    model = build("mlp_1000_1000_1000_set", 10, 1, 28, recipe.load("set_tutorial"), 0)
    for layer in ("fc1", "fc2", "fc3", "fc"):
        weight = model.get_parameter(f"{layer}.weight")
        assert weight.std().item() == pytest.approx(0.1, rel=0.03)  # 10,000 draws: 0.7 %; four times that
        assert weight.mean().item() == pytest.approx(0, abs=0.004)
        assert not model.get_parameter(f"{layer}.bias").any()


def test_the_network_has_as_many_weights_as_the_tutorial_s():
    model = archs.create("mlp_1000_1000_1000_set", 10, 1, 28)
    sizes = {name: weight.numel() for name, weight in prunable(model, "all").items()}
    assert list(sizes.values()) == [784 * 1000, 1000 * 1000, 1000 * 1000, 1000 * 10]
    assert sum(parameter.numel() for parameter in model.parameters()) == sum(sizes.values()) + 3 * 1000 + 10


@pytest.mark.parametrize("method", ["random[allocation=erdraws]", "set_sparse"])
def test_sparse_networks_have_as_many_connections_as_the_tutorial_s(method):
    (target,) = grid.load(CONFIG).sparsities
    shapes = {
        name: tuple(w.shape) for name, w in prunable(archs.create("mlp_1000_1000_1000_set", 10, 1, 28), "all").items()
    }
    units = {name: int(np.prod(shape)) for name, shape in shapes.items()}
    groups = catalog.create(*catalog.parse(method)).allocation.groups(shapes, units, target)
    theirs = np.array(CONNECTIONS)
    error = theirs.std(0, ddof=1) / np.sqrt(len(theirs))
    ours = np.array([group.keep for group in groups])
    assert np.all(np.abs(ours - theirs.mean(0)) < 4.6 * error)  # t(.995, 4)
    assert ours.sum() == 81_492

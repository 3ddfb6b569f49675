"""Neuron Merging's LeNet-300-100: hidden neurons removed by their norm, or merged into the most similar that stay.

Kim, Kim, Park and Jung 2020, "Neuron Merging: Compensating for Pruned Neurons", arXiv:2010.13160. Read:
friendshipkim/neuron-merging at d25cf3e3, decompose.py, main.py and scripts. Nothing is trained.

A layer's neurons are rows [weights, bias]. Merging replaces the output of a neuron that goes by that of the one that
stays whose row has the greatest cosine with its own, times the ratio of the rows' norms: so the next layer's weights
are multiplied by a matrix of these ratios. Both layers are ranked and compared as they were trained.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from bench.archs.lenet import Perceptron
from bench.recompute import metrics
from bench.recompute.material import Material, logits
from bench.recompute.metric import Metric
from bench.recompute.question import Question
from bench.recompute.renamed import filled
from bench.recompute.sources import Answers
from bench.weights import load_state

WIDTHS = (300, 100)
NAMES = {"ip1": "fc1", "ip2": "fc2", "ip3": "fc"}
MEAN, STD = (0.5,), (0.5,)

THRESHOLD = 0.45
"""A neuron that is less similar than this (cosine) to all that stay is not merged; the scripts' value."""


def measure(questions: Sequence[Question], material: Material) -> Answers:
    """Accuracy of the dense network and of those that procedures make of it."""
    dense, images = load(material.files[questions[0].file]), material.test_images("fashion_mnist")
    pixels = images.normalised(MEAN, STD)
    answers = {}
    for question in questions:
        network = dense
        if question.procedure != "evaluate":
            network = smaller(dense, float(question.arguments["ratio"]), merge=question.procedure == "merge")
        answers[question.cell] = {Metric.TOP1: metrics.accuracy(logits(network, pixels), images.labels)}
    return answers


def load(path: Path) -> nn.Module:
    """The dense network of a file."""
    return filled(Perceptron(WIDTHS), load_state(path), NAMES, path)


def smaller(network: nn.Module, ratio: float, merge: bool) -> nn.Module:
    """A perceptron with a share of the hidden neurons of each layer less.

    Args:
        network: with two hidden layers, `Perceptron`.
        ratio: the share that goes.
        merge: whether neurons that stay take over what those did.
    """
    first, second, last = (module for module in network.modules() if isinstance(module, nn.Linear))
    kept = [strongest(rows(layer), round(layer.out_features * (1 - ratio))) for layer in (first, second)]
    thin = Perceptron([len(indices) for indices in kept], last.out_features, img_size=(1, first.in_features))
    replaced = [module for module in thin.modules() if isinstance(module, nn.Linear)]
    inputs = torch.eye(first.in_features)
    with torch.no_grad():
        for new, layer, indices in zip(replaced, (first, second), kept, strict=False):
            new.weight.copy_((layer.weight @ inputs)[indices])
            new.bias.copy_(layer.bias[indices])
            inputs = merging(rows(layer), indices) if merge else torch.eye(layer.out_features)[:, indices]
        replaced[-1].weight.copy_(last.weight @ inputs)
        replaced[-1].bias.copy_(last.bias)
    return thin.eval()


def rows(layer: nn.Linear) -> Tensor:
    """Each neuron's weights and bias, (neurons, inputs + 1)."""
    return torch.cat([layer.weight, layer.bias[:, None]], 1).detach()


def strongest(neurons: Tensor, count: int) -> Tensor:
    """Indices of the `count` rows of largest L1 norm, in order; ties go to the later one, as in a stable sort."""
    return neurons.abs().sum(1).argsort(stable=True)[-count:].sort().values


def merging(neurons: Tensor, kept: Tensor) -> Tensor:
    """What each neuron's output is taken for, (neurons, kept): itself, a multiple of one that stays, or nothing."""
    norms = neurons.double().norm(dim=1)
    unit = neurons.double() / norms[:, None]
    cosine, partner = (unit @ unit[kept].T).max(1)
    scale = torch.where(cosine < THRESHOLD, 0.0, norms / norms[kept][partner])
    matrix = torch.zeros(len(neurons), len(kept)).double()
    matrix[torch.arange(len(neurons)), partner] = scale
    matrix[kept] = torch.eye(len(kept)).double()
    return matrix.float()

"""ResNets that distiller's example of structured sparsity trained, their layers removed or their channels thinned.

A layer that was regularised to zero is taken out with its batch normalisation; where both of a block go, the block is
its input, added to itself. A thinned file says by its shapes which channels are left.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn

from bench import archs
from bench.archs.resnet_cifar import CifarResNet
from bench.recompute import metrics
from bench.recompute.material import Material, logits
from bench.recompute.metric import Metric
from bench.recompute.question import Question
from bench.recompute.sources import Answers
from bench.weights import fit, load_state

HALF = (0.5, 0.5, 0.5)
"""Mean and deviation of its normalisation."""

BATCH = 256


class Recipe(tuple[Any, ...]):
    """Stands in for the tool's class in which a thinned file says how it was thinned; nothing of it is needed."""

    def __new__(cls, *values: Any) -> Self:
        """Whatever the pickle holds."""
        return super().__new__(cls, values)


def measure(questions: Sequence[Question], material: Material) -> Answers:
    """Accuracies and loss of one file's network, as it is or with its zero layers taken out."""
    test = material.test_images("cifar10")
    images = test.normalised(HALF, HALF).contiguous(memory_format=torch.channels_last)
    found: dict[str, dict[Metric, metrics.Measurement]] = {}
    for procedure in {question.procedure: None for question in questions}:
        network = load(material.files[questions[0].file])
        if procedure == "remove_zero_layers":
            remove_zero_layers(network)
        found[procedure] = _numbers(logits(network, images), test.labels)
    return {
        question.cell: {metric: found[question.procedure][metric] for metric in question.metrics}
        for question in questions
    }


def load(path: Path) -> CifarResNet:
    """A ResNet-20 with as many channels as a file has, in evaluation mode, channels innermost."""
    with torch.serialization.safe_globals([(Recipe, "distiller.thinning.ThinningRecipe")]):
        state = load_state(path)
    network = archs.create("resnet20_cifar", 10, 3, 32)
    assert isinstance(network, CifarResNet)
    for name, module in list(network.named_modules()):
        if isinstance(module, nn.Conv2d):
            _replace(network, name, _conv(module, state[f"{name}.weight"]))
        elif isinstance(module, nn.BatchNorm2d):
            _replace(network, name, nn.BatchNorm2d(len(state[f"{name}.weight"])))
    network.load_state_dict(fit(network, state, f"{path}: the weights"))
    network.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network


def remove_zero_layers(network: CifarResNet) -> None:
    """Take every convolution of zeros out of its block, with its batch normalisation."""
    for name, module in list(network.named_modules()):
        if isinstance(module, nn.Conv2d) and not module.weight.any():
            for each in (name, name.replace("conv", "bn")):
                _replace(network, each, nn.Identity())


def _conv(old: nn.Conv2d, weight: Tensor) -> nn.Conv2d:
    outputs, inputs, *_ = weight.shape
    size, padding = old.kernel_size[0], int(old.padding[0])
    return nn.Conv2d(inputs, outputs, size, old.stride[0], padding, bias=False)


def _replace(network: nn.Module, name: str, module: nn.Module) -> None:
    parent, _, child = name.rpartition(".")
    setattr(network.get_submodule(parent), child, module)


def _numbers(answers: Tensor, labels: Tensor) -> dict[Metric, metrics.Measurement]:
    return {
        Metric.TOP1: metrics.accuracy(answers, labels),
        Metric.TOP5: metrics.accuracy(answers, labels, 5),
        Metric.BATCH_LOSS: metrics.mean_of_batch_losses(answers, labels, BATCH),
    }

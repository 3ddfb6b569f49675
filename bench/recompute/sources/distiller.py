"""Distiller's two tables of one-layer sensitivity: one tensor of a trained ResNet-20 pruned, nothing retrained.

Elements: of a tensor with n weights, the int(s · n) smallest in magnitude. Filters: of n filters, the int(s · n) with
the smallest mean magnitude; they are zeroed, so their batch normalisation still shifts. What is no larger than the last
of them goes, too. s is the table's own floating-point number. Losses are means of batch means.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn

from bench import archs
from bench.archs.resnet_cifar import CifarResNet
from bench.recompute import metrics
from bench.recompute.material import Material, logits
from bench.recompute.metric import Metric
from bench.recompute.metrics import Measurement
from bench.recompute.question import Question
from bench.recompute.sources import Answers
from bench.weights import fit, load_state

HALF = (0.5, 0.5, 0.5)
"""Mean and deviation of its normalisation."""

BATCH = 256


def part(question: Question) -> str:
    """The layer, whose two tables need the same activations."""
    return str(question.arguments["layer"])


def measure(questions: Sequence[Question], material: Material) -> Answers:
    """Both tables of one layer; what lies before its block is computed once."""
    layer = part(questions[0])
    network = load(material.files[questions[0].file])
    weight = network.get_parameter(f"{layer}.weight")
    test, pieces = material.test_images("cifar10"), segments(network)
    first = next(index for index, each in enumerate(pieces) if any(weight is own for own in each.parameters()))
    images = test.normalised(HALF, HALF).contiguous(memory_format=torch.channels_last)
    entering = logits(pieces[:first], images) if first else images
    found: dict[tuple[str, int], dict[Metric, Measurement]] = {}
    for question in questions:
        mask = kept(weight, question)
        same = question.procedure, int(mask.sum())  # small layers round several of the table's s to one network
        if same not in found:
            with pruned(weight, mask):
                found[same] = _numbers(logits(pieces[first:], entering), test.labels)
    return {question.cell: found[question.procedure, int(kept(weight, question).sum())] for question in questions}


def load(path: Path) -> CifarResNet:
    """The trained network, in evaluation mode, with channels innermost, which CPUs convolve faster."""
    network = archs.create("resnet20_cifar", 10, 3, 32)
    network.load_state_dict(fit(network, load_state(path), f"{path}: the weights"))
    network.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    assert isinstance(network, CifarResNet)
    return network


def segments(network: CifarResNet) -> nn.Sequential:
    """A ResNet as its first layers, its blocks one by one, and its head; all of them in turn are the network."""
    blocks = [block for stage in (network.layer1, network.layer2, network.layer3) for block in stage]
    stem = nn.Sequential(network.conv1, network.bn1, network.relu)
    return nn.Sequential(stem, *blocks, nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), network.fc))


def kept(weight: Tensor, question: Question) -> Tensor:
    """Which weights stay: bool, of the weight's shape, or (filters, 1, 1, 1)."""
    sizes = weight.detach().abs()
    if question.procedure == "prune_filters":
        sizes = sizes.flatten(1).mean(1).view(-1, *[1] * (weight.dim() - 1))
    count = int(question.arguments["sparsity"] * sizes.numel())
    return sizes > sizes.flatten().kthvalue(count).values if count else torch.ones_like(sizes, dtype=torch.bool)


@contextmanager
def pruned(weight: nn.Parameter, mask: Tensor) -> Iterator[None]:
    """A weight with zeros outside of the mask, for a while."""
    dense = weight.detach().clone()
    with torch.no_grad():
        weight.mul_(mask)
    try:
        yield
    finally:
        with torch.no_grad():
            weight.copy_(dense)


def _numbers(answers: Tensor, labels: Tensor) -> dict[Metric, Measurement]:
    return {
        Metric.TOP1: metrics.accuracy(answers, labels),
        Metric.TOP5: metrics.accuracy(answers, labels, 5),
        Metric.BATCH_LOSS: metrics.mean_of_batch_losses(answers, labels, BATCH),
    }

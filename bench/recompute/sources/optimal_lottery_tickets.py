"""Networks without biases of "Optimal Lottery Tickets via SubsetSum", and one made of random numbers by exact search.

Pensia, Rajput, Nagle, Vishwakarma and Papailiopoulos 2020, arXiv:2006.07990. Read: acnagle/optimal-lottery-tickets at
f09c0d2d, subset-sum/main.py and utils.py, pruning/models/baseline.py, and the logs.

Every row of weights gets a set of 21 random numbers, uniform between the smallest and the largest weight of the whole
network. Each weight of the row is replaced by the sum of a subset, the nearest there is; numbers that are in a subset
are weights that are left. The authors ask a mixed-integer solver that may stop within a tolerance; here the nearest
sum is found exactly, by halving the set: 2^10 times 2^11 sums.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bench.archs.lenet import LeNet5, Perceptron
from bench.recompute import metrics
from bench.recompute.material import Material, logits
from bench.recompute.metric import Metric
from bench.recompute.metrics import Measurement
from bench.recompute.question import Question
from bench.recompute.renamed import filled
from bench.recompute.sources import Answers
from bench.weights import load_state

MEAN, STD = (0.1307,), (0.3081,)
"""Of LeNet-5's images; those of the other network are not normalised."""

Doubles = np.ndarray[Any, np.dtype[np.float64]]


def measure(questions: Sequence[Question], material: Material) -> Answers:
    """Accuracy and sizes of a file's network, or of what stands for it after a search; `part` has made them alike."""
    found = _found(questions[0], material)
    return {question.cell: {metric: found[metric] for metric in question.metrics} for question in questions}


def part(question: Question) -> str:
    """The file and the procedure: the search takes half a minute, and is one for all its numbers."""
    return "-".join([question.file, question.procedure, *map(str, question.arguments.values())])


def load(key: str, path: Path) -> nn.Module:
    """The network of a file."""
    if key == "lenet-5":
        network: nn.Module = LeNet5((6, 16), (120, 84), padding=2)
        names = {"fc3": "fc"}
    else:
        network, names = Perceptron((500,)), {"fc2": "fc"}
    for module in network.modules():
        if isinstance(module, nn.Linear | nn.Conv2d):
            module.register_parameter("bias", None)
    return filled(network, load_state(path), names, path)


def subset_sums(network: nn.Module, numbers: int, seed: int) -> tuple[int, int]:
    """Replace each weight of a network by the nearest sum of a subset of its row's random numbers.

    Args:
        network: of linear layers without biases, whose weights change.
        numbers: how many random numbers a row has.
        seed: of numpy's generator of old, from which rows take their numbers in order.

    Returns:
        How many numbers all weights have together, and how many are in the subsets.
    """
    weights = [parameter.detach() for parameter in network.parameters()]
    low, high = min(float(each.min()) for each in weights), max(float(each.max()) for each in weights)
    random = np.random.RandomState(seed)
    left = 0
    for weight in weights:
        for row in weight:
            found, used = nearest(row.double().numpy(), random.uniform(low, high, numbers))
            row.copy_(torch.from_numpy(found))
            left += int(used.sum())
    return numbers * sum(map(Tensor.numel, weights)), left


def nearest(targets: Doubles, numbers: Doubles) -> tuple[Doubles, np.ndarray[Any, np.dtype[np.intp]]]:
    """For each target the subset sum of `numbers` nearest to it, and how many numbers are in that subset."""
    half = len(numbers) // 2
    first, in_first = _all_sums(numbers[:half])
    second, in_second = _all_sums(numbers[half:])
    order = second.argsort(kind="stable")
    second, in_second = second[order], in_second[order]
    missing = targets[:, None] - first
    above = second.searchsorted(missing).clip(1, len(second) - 1)
    closer = np.where(missing - second[above - 1] <= second[above] - missing, above - 1, above)
    best = np.abs(missing - second[closer]).argmin(1)
    chosen = closer[np.arange(len(targets)), best]
    return first[best] + second[chosen], in_first[best] + in_second[chosen]


def _all_sums(numbers: Doubles) -> tuple[Doubles, np.ndarray[Any, np.dtype[np.intp]]]:
    """The sums of all subsets, and how many numbers each has."""
    sums, count = np.zeros(1), np.zeros(1, dtype=np.intp)
    for number in numbers:
        sums, count = np.concatenate([sums, sums + number]), np.concatenate([count, count + 1])
    return sums, count


def _found(question: Question, material: Material) -> Mapping[Metric, Measurement]:
    network = load(question.file, material.files[question.file])
    total = left = sum(map(Tensor.numel, network.parameters()))
    if question.procedure == "subset_sums":
        total, left = subset_sums(network, question.arguments["numbers"], question.arguments["seed"])
    images = material.test_images("mnist")
    pixels = images.normalised(MEAN, STD) if question.file == "lenet-5" else images.scaled()
    return {
        Metric.TOP1: metrics.accuracy(logits(network, pixels), images.labels),
        Metric.PARAMETERS: Measurement(total),
        Metric.WEIGHTS_LEFT: Measurement(left),
    }

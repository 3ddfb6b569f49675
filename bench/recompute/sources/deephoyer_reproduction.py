"""A students' reproduction of DeepHoyer: small networks as they were trained, cut, and fine-tuned.

COMP6248 Reproducibility Challenge, LYM52/COMP6248-Reproducibility-Challenge---DeepHoyer at 079dc996. Read: its
notebooks with the commands and what they print, prun_tune_V.py, prun_tune_T.py and net/models.py. Pixels are not
normalised, and ReLU follows LeNet-5's convolutions. A command writes the file that a later one cuts.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from torch import nn

from bench.archs.lenet import LeNet5, Perceptron
from bench.recompute import metrics
from bench.recompute.material import Material, logits
from bench.recompute.metric import Metric
from bench.recompute.metrics import Measurement
from bench.recompute.question import Question
from bench.recompute.renamed import filled
from bench.recompute.sources import Answers
from bench.weights import load_state

DATASETS = {"fashion-cnn": "fashion_mnist", "mnist-cnn": "mnist", "mnist-mlp": "mnist"}
"""By the first part of a file's key."""


def part(question: Question) -> str:
    """A notebook's files together: each takes a second."""
    return question.file.partition(":")[0]


def measure(questions: Sequence[Question], material: Material) -> Answers:
    """Accuracy and loss of a file's network, or how many weights a cut leaves in it."""
    return {
        question.cell: cut(question, material) if question.procedure == "cut" else evaluated(question, material)
        for question in questions
    }


def evaluated(question: Question, material: Material) -> dict[Metric, Measurement]:
    """Accuracy and loss on the test images."""
    images = material.test_images(DATASETS[part(question)])
    answers = logits(load(question, material.files[question.file]), images.scaled())
    found = {
        Metric.TOP1: metrics.accuracy(answers, images.labels),
        Metric.LOSS: metrics.loss(answers, images.labels),
    }
    return {metric: found[metric] for metric in question.metrics}


def cut(question: Question, material: Material) -> dict[Metric, Measurement]:
    """Weights and biases that are left when small ones go."""
    network = load(question, material.files[question.file])
    return {Metric.WEIGHTS_LEFT: Measurement(left(network, **question.arguments))}


def left(network: nn.Module, deviations: float = 0.0, magnitude: float = 0.0) -> int:
    """How many weights and biases are not below a threshold, and not zero.

    Args:
        network: with weights.
        deviations: the threshold in units of each tensor's own (population) standard deviation.
        magnitude: the same for all tensors, added to it.
    """
    tensors = [parameter.detach().double() for parameter in network.parameters()]
    thresholds = [deviations * float(tensor.std(correction=0)) + magnitude for tensor in tensors]
    return sum(
        int(((tensor.abs() >= threshold) & (tensor != 0)).sum())
        for tensor, threshold in zip(tensors, thresholds, strict=True)
    )


def load(question: Question, path: Path) -> nn.Module:
    """The network of a file."""
    if part(question) == "mnist-mlp":
        return filled(Perceptron((300, 100)), load_state(path), {"fc3": "fc"}, path)
    return filled(LeNet5(), load_state(path), {"fc2": "fc"}, path)

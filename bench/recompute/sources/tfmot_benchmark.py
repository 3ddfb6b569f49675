"""A benchmark of TensorFlow's magnitude pruning: small Keras networks for Fashion-MNIST and CIFAR-10.

Pi5rr5/Tensorflow-pruning-benchmark at 8e5b435e. Read: the notebooks that train, prune and test, and result.txt. Pixels
are not normalised. Pruned networks end in a softmax, and their loss takes its probabilities for logits.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor, nn

from bench.recompute import keras_file, metrics
from bench.recompute.material import Material, logits
from bench.recompute.metric import Metric
from bench.recompute.question import Question
from bench.recompute.sources import Answers

EPSILON = 1e-3
"""Of Keras' batch normalisation."""


class ChannelsLast(nn.Module):
    """Flattens maps as TensorFlow does, which keeps the channels of a pixel together."""

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, H · W · C)."""
        return x.permute(0, 2, 3, 1).flatten(1)


def measure(questions: Sequence[Question], material: Material) -> Answers:
    """Accuracy and loss of the network of a file."""
    file = questions[0].file
    images = material.test_images("cifar10" if file.startswith("cifar10") else "fashion_mnist")
    answers = logits(load(file, material.files[file]), images.scaled())
    found = {
        Metric.TOP1: metrics.accuracy(answers, images.labels),
        Metric.LOSS: metrics.loss(answers, images.labels),
        Metric.SOFTMAXED_LOSS: metrics.loss(answers.softmax(1), images.labels),
    }
    return {question.cell: {metric: found[metric] for metric in question.metrics} for question in questions}


def load(key: str, path: Path) -> nn.Module:
    """The network of a file; what is before a softmax at its end are its logits."""
    if key.startswith("fashion"):
        return keras_file.fill(fashion(), path)
    # Convolutions of pruned networks are padded, those of the dense one are not.
    return keras_file.fill(cifar(padding=0 if key.endswith("dense") else 1), path)


def cifar(padding: int) -> nn.Module:
    """Three convolutions, two poolings, and a hidden linear layer."""
    side = 8 if padding else 4
    return nn.Sequential(
        *(nn.Conv2d(3, 32, 3, padding=padding), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(32, 64, 3, padding=padding), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(64, 64, 3, padding=padding), nn.ReLU(), ChannelsLast()),
        *(nn.Linear(64 * side * side, 64), nn.ReLU(), nn.Linear(64, 10)),
    )


def fashion() -> nn.Module:
    """A convolution, pooling, batch normalisation, and a hidden linear layer."""
    return nn.Sequential(
        *(nn.Conv2d(1, 32, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.BatchNorm2d(32, eps=EPSILON), ChannelsLast()),
        *(nn.Linear(32 * 14 * 14, 128), nn.ReLU(), nn.Linear(128, 10)),
    )

"""Dense ResNets for CIFAR-10 with parameter-free shortcuts, normalised as photographs of ImageNet are."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from bench import archs
from bench.recompute import metrics
from bench.recompute.material import Material, logits
from bench.recompute.metric import Metric
from bench.recompute.question import Question
from bench.recompute.sources import Answers
from bench.weights import fit, load_state

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def measure(questions: Sequence[Question], material: Material) -> Answers:
    """The error of one file's network."""
    key = questions[0].file
    path, test = material.files[key], material.test_images("cifar10")
    network = archs.create(f"{key}a_cifar", 10, 3, 32)
    network.load_state_dict(fit(network, load_state(path), f"{path}: the weights"))
    network.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    images = test.normalised(MEAN, STD).contiguous(memory_format=torch.channels_last)
    error = metrics.error(logits(network, images), test.labels)
    return {question.cell: {Metric.ERROR: error} for question in questions}

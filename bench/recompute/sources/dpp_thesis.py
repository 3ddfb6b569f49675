"""A thesis that prunes neurons by determinantal point processes: its multilayer perceptrons for Fashion-MNIST.

kushagrchitkar/Neural-Network-Pruning-using-DPP at 084eed67. Read: README.md and the notebook that trains, prunes and
tests. Test batches of 32 leave out the last 16 images. Networks are published as pickled modules.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from torch import nn

from bench.archs.lenet import Perceptron
from bench.recompute import metrics, pickled
from bench.recompute.material import Material, logits
from bench.recompute.metric import Metric
from bench.recompute.metrics import Measurement
from bench.recompute.near_ties import near_ties
from bench.recompute.question import Question
from bench.recompute.renamed import filled
from bench.recompute.sources import Answers

CLASSES = ("__main__.FeedForwardNet", "torch.nn.modules.linear.Linear", "torch.nn.modules.activation.ReLU")
IMAGES = 9984
"""Of the test, 312 batches of 32."""

MEAN, STD = (0.5,), (0.5,)


def measure(questions: Sequence[Question], material: Material) -> Answers:
    """How many test images the network of a file gets right."""
    network = load(material.files[questions[0].file])
    images = material.test_images("fashion_mnist")
    answers, labels = logits(network, images.normalised(MEAN, STD)[:IMAGES]), images.labels[:IMAGES]
    close = int(near_ties(answers).sum())
    right = Measurement(int(metrics.correct(answers, labels).sum()), close, close)
    return {question.cell: {Metric.CORRECT: right} for question in questions}


def load(path: Path) -> nn.Module:
    """The network of a file, with as many hidden neurons as it has."""
    weights = pickled.weights(path, CLASSES)
    hidden = [len(weights[f"fc{number}.weight"]) for number in (1, 2)]
    return filled(Perceptron(hidden), weights, {"fc3": "fc"}, path)

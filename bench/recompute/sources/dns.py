"""Dynamic Network Surgery's LeNets for MNIST, which its authors ship as Caffe files.

Caffe's LeNet-5 has no ReLU behind its convolutions, and pixels were scaled by 1/256. Surgery leaves what it cut as
zeros; a parameter is a weight or a bias.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor, nn

from bench import archs
from bench.errors import UserError
from bench.recompute import caffe, metrics
from bench.recompute.material import Material, logits
from bench.recompute.metric import Metric
from bench.recompute.metrics import Measurement
from bench.recompute.question import Question
from bench.recompute.sources import Answers

PIXEL = 256

NETWORKS = {
    "lenet-300-100": ("lenet_300_100", {"ip1": "fc1", "ip2": "fc2", "ip3": "fc"}),
    "lenet-5": ("lenet5_caffe", {"conv1": "conv1", "conv2": "conv2", "ip1": "fc1", "ip2": "fc"}),
}
"""By the keys of the files: our architecture, and our names for their layers."""


def measure(questions: Sequence[Question], material: Material) -> Answers:
    """Error and compression of the network of a file."""
    key = questions[0].file
    network, images = load(key, material.files[key]), material.test_images("mnist")
    parameters = list(network.parameters())
    total, left = sum(map(Tensor.numel, parameters)), sum(int(each.count_nonzero()) for each in parameters)
    found = {
        Metric.ERROR: metrics.error(logits(network, images.scaled(PIXEL)), images.labels),
        Metric.COMPRESSION: Measurement(total / left),
    }
    return {question.cell: {metric: found[metric] for metric in question.metrics} for question in questions}


def load(key: str, path: Path) -> nn.Module:
    """The network of a file, in evaluation mode. Raises `UserError` if the file holds another one."""
    architecture, names = NETWORKS[key]
    network = archs.create(architecture, 10, 1, 28)
    state = {
        f"{names.get(layer, layer)}.{kind}": tensor
        for layer, tensors in caffe.load(path).items()
        for kind, tensor in zip(("weight", "bias"), tensors, strict=False)
    }
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise UserError(f"{path}: its layers are not those of {key} ({str(error)[:200]}).") from None
    return network.eval()

"""Gate Decorator's networks for CIFAR-10: a ResNet-56 with gates, the dense one it began as, and a thin VGG-16.

You et al. 2019, "Gate Decorator", arXiv:1909.08174. Read: youzhonghui/gate-decorator-pruning at 05e4c312,
prune/universal.py, models/cifar, and the notebooks that print the numbers.

Every batch norm is a gate there: with its weight frozen at 1, y = BN(x) · g · mask. Here the gate is multiplied into
the batch norm, and channels with mask 0 are removed.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from bench.archs.residual import BasicBlock
from bench.archs.resnet_cifar import CifarResNet
from bench.errors import UserError
from bench.recompute import metrics
from bench.recompute.material import Material, logits
from bench.recompute.metric import Metric
from bench.recompute.metrics import Measurement
from bench.recompute.question import Question
from bench.recompute.sources import Answers
from bench.weights import fit, load_state

CLAMP = 10.0
"""Before anything is tested the authors' code clamps each batch norm's bias / weight to ± this."""

BATCH = 128
"""Images a batch of the test; the last has 16."""

MEAN, STD = (0.4914, 0.4822, 0.4465), (0.247, 0.243, 0.261)

VGG_FILTERS = (64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512)
"""Filters of the VGG-16 that pruning began with."""

RESNET_FILTERS = 2128
"""Of ResNet-56, those of its two shortcuts among them."""

POOLED = frozenset([1, 3, 6, 9, 12])
"""Max pooling follows these convolutions of VGG-16, counted from 0."""


@dataclass(frozen=True)
class Printed:
    """A network of the source: how its file is read, and by which rules its table was made.

    Attributes:
        filters: of the network that pruning began with.
        relu: operations of a ReLU a value.
    """

    network: Callable[[Mapping[str, Tensor]], nn.Module]
    filters: int
    relu: int


def measure(questions: Sequence[Question], material: Material) -> Answers:
    """Accuracy, loss and sizes of the network of a file."""
    file = questions[0].file
    network = NETWORKS[file].network(load_state(material.files[file]))
    images = material.test_images("cifar10")
    answers, labels = logits(network, images.normalised(MEAN, STD)), images.labels
    left = filters(network)
    found = {
        Metric.BATCH_TOP1: metrics.mean_of_batch_accuracies(answers, labels, BATCH),
        Metric.BATCH_LOSS: metrics.mean_of_batch_losses(answers, labels, BATCH),
        Metric.MEGA_FLOPS: Measurement(flops(network, NETWORKS[file].relu) / 1e6),
        Metric.MEGA_PARAMETERS: Measurement(sum(map(Tensor.numel, network.parameters())) / 1e6),
        Metric.FILTERS_PRUNED: Measurement(100 * (1 - left / NETWORKS[file].filters)),
    }
    return {question.cell: {metric: found[metric] for metric in question.metrics} for question in questions}


def dense_resnet56(state: Mapping[str, Tensor]) -> nn.Module:
    """The dense network as the notebook tests it: batch norms made gates, which clamps some of their biases."""
    model = CifarResNet(56, "B")
    model.load_state_dict(fit(model, state, "Gate Decorator's dense weights"))
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.bias.copy_((module.bias / module.weight).clamp(-CLAMP, CLAMP) * module.weight)
    return model.eval()


def pruned_resnet56(state: Mapping[str, Tensor]) -> nn.Module:
    """The network with gates, without the channels whose mask is 0.

    Raises:
        UserError: if a mask outside the blocks holds a zero: residual sums are not pruned in the published file.
    """
    model = CifarResNet(56, "B")
    model.load_state_dict(fit(model, ungated(state), "Gate Decorator's weights"))
    names = {name: module for name, module in model.named_modules() if isinstance(module, BasicBlock)}
    kept = {name.removesuffix(".bn_mask"): mask.flatten() != 0 for name, mask in state.items() if ".bn_mask" in name}
    inner = {f"{name}.bn1" for name in names}
    cut = sorted(name for name, mask in kept.items() if name not in inner and not mask.all())
    if cut:
        raise UserError(f"Gate Decorator's weights: '{cut[0]}' is pruned, and it is part of a residual sum.")
    for name, block in names.items():
        _narrow(block, kept[f"{name}.bn1"])
    return model.eval()


def ungated(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights with gates as those of plain batch norms: weight and bias times g times the mask."""
    plain = {name.replace(".bn.", "."): tensor for name, tensor in state.items() if not _of_gate(name)}
    for name in [name.removesuffix(".g") for name in state if name.endswith(".g")]:
        gate = (state[f"{name}.g"] * state[f"{name}.bn_mask"]).flatten()
        for part in ("weight", "bias"):
            plain[f"{name}.{part}"] = state[f"{name}.bn.{part}"] * gate
    return plain


def pruned_vgg16(state: Mapping[str, Tensor]) -> nn.Module:
    """The thin VGG-16, as wide as its weights are; convolutions have biases."""
    convolutions = {int(name.split(".")[1]): tensor for name, tensor in state.items() if tensor.dim() == 4}
    model = vgg16([len(tensor) for _, tensor in sorted(convolutions.items())])
    model.load_state_dict(fit(model, state, "Gate Decorator's weights of VGG-16"))
    return model.eval()


def vgg16(widths: Sequence[int]) -> nn.Module:
    """VGG-16 for CIFAR with as many filters in its 13 convolutions; after the last pooling the maps are 1x1."""
    layers: list[nn.Module] = []
    inputs = 3
    for number, width in enumerate(widths):
        layers += [nn.Conv2d(inputs, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
        layers += [nn.MaxPool2d(2)] if number in POOLED else []
        inputs = width
    features = nn.Sequential(*layers, nn.AvgPool2d(1))
    return nn.Sequential(OrderedDict(features=features, flatten=nn.Flatten(), classifier=nn.Linear(inputs, 10)))


def filters(model: nn.Module) -> int:
    """Filters of all convolutions."""
    return sum(module.out_channels for module in model.modules() if isinstance(module, nn.Conv2d))


def flops(model: nn.Module, relu: int) -> int:
    """Operations for one 32x32 image, by the counter whose totals the authors print.

    A convolution has a multiply-add a weight and output, and one more an input channel if it has a bias; a batch norm
    4 operations a value; a linear layer 2 · in - 1 an output; an average n + 1 for n values; a maximum none. These
    rules are inferred: they give every total that was printed.

    Args:
        model: in evaluation mode.
        relu: operations of a ReLU a value: 0 in the notebook of ResNet-56, 1 in the log of VGG-16.
    """
    total = 0

    def count(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal total
        total += _operations(module, output.numel(), relu)

    hooks = [leaf.register_forward_hook(count) for leaf in model.modules() if not list(leaf.children())]
    try:
        with torch.no_grad():
            model(torch.zeros(1, 3, 32, 32))
    finally:
        for hook in hooks:
            hook.remove()
    if isinstance(model, CifarResNet):
        total += (8 * 8 + 1) * model.num_features
    return total


def _operations(module: nn.Module, values: int, relu: int) -> int:
    match module:
        case nn.Conv2d():
            return values * module.in_channels * (module.weight[0, 0].numel() + (module.bias is not None))
        case nn.BatchNorm2d():
            return 4 * values
        case nn.ReLU():
            return relu * values
        case nn.AvgPool2d():
            return 2 * values
        case nn.Linear():
            return (2 * module.in_features - 1) * values
    return 0


def _of_gate(name: str) -> bool:
    return name.rpartition(".")[2] in ("g", "area", "score", "bn_mask")


def _narrow(block: BasicBlock, kept: Tensor) -> None:
    """Leave only some channels between the two convolutions of a block."""
    width = int(kept.sum())
    first, norm, second = block.conv1, block.bn1, block.conv2
    block.conv1 = nn.Conv2d(first.in_channels, width, 3, first.stride[0], padding=1, bias=False)
    block.bn1 = nn.BatchNorm2d(width)
    block.conv2 = nn.Conv2d(width, second.out_channels, 3, padding=1, bias=False)
    block.conv1.load_state_dict({"weight": first.weight[kept]})
    block.bn1.load_state_dict(
        {name: value[kept] if value.dim() else value for name, value in norm.state_dict().items()}
    )
    block.conv2.load_state_dict({"weight": second.weight[:, kept]})


NETWORKS = {
    "resnet-56": Printed(dense_resnet56, RESNET_FILTERS, relu=0),
    "resnet-56-pruned": Printed(pruned_resnet56, RESNET_FILTERS, relu=0),
    "vgg-16-pruned": Printed(pruned_vgg16, sum(VGG_FILTERS), relu=1),
}
"""By the keys of the files."""

"""The layers of networks that papers count, from their descriptions: plain arithmetic, no torch.

A network is a list of convolutions and linear layers in the order of a forward pass, a shortcut's convolution after
those of its block. The oracle is `bench.counts.traced`, where fvcore has found the layers of real networks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Kept = Callable[[int, int, int], int]
"""Of the convolution with this number (from 1), these filters and this stage (from 0), how many filters are kept.

Networks ask for convolutions whose filters can go without others: of a ResNet's block the first one. Shortcuts have no
number of their own, as in the papers that count this way.
"""


def all_kept(number: int, filters: int, stage: int) -> int:
    """Nothing is pruned."""
    return filters


@dataclass(frozen=True)
class Layer:
    """A convolution or a linear layer.

    Attributes:
        shape: of the weight, (out, in / groups, k, k) or (out, in).
        side: of the square map that comes in, in pixels; 1 for a linear layer.
        groups: of a convolution; its input channels if it is depthwise.
    """

    name: str
    shape: tuple[int, ...]
    side: int = 1
    stride: int = 1
    groups: int = 1

    @property
    def weights(self) -> int:
        """How many there are."""
        return math.prod(self.shape)

    @property
    def outputs(self) -> int:
        """Channels that go out, or neurons."""
        return self.shape[0]

    @property
    def kernel(self) -> int:
        """Its side; 1 for a linear layer."""
        return self.shape[2] if len(self.shape) == 4 else 1

    @property
    def positions(self) -> int:
        """Pixels of the map that goes out: all kernels here are padded so that only the stride makes it smaller."""
        return math.ceil(self.side / self.stride) ** 2

    @property
    def depthwise(self) -> bool:
        """Whether every channel has a kernel of its own."""
        return self.groups > 1


def resnet50() -> list[Layer]:
    """ResNet-50 for 1,000 classes at 224 pixels, with the stride in a block's 3x3 convolution ("v1.5")."""
    layers = [Layer("conv1", (64, 3, 7, 7), 224, 2)]
    inputs, side = 64, 56
    for stage, (blocks, width) in enumerate(zip((3, 4, 6, 3), (64, 128, 256, 512), strict=True), 1):
        for block in range(blocks):
            stride, name = (2 if stage > 1 and block == 0 else 1), f"layer{stage}.{block}"
            layers.append(Layer(f"{name}.conv1", (width, inputs, 1, 1), side))
            layers.append(Layer(f"{name}.conv2", (width, width, 3, 3), side, stride))
            layers.append(Layer(f"{name}.conv3", (4 * width, width, 1, 1), side // stride))
            if block == 0:
                layers.append(Layer(f"{name}.downsample.0", (4 * width, inputs, 1, 1), side, stride))
            inputs, side = 4 * width, side // stride
    return [*layers, Layer("fc", (1000, inputs))]


def _basic(
    stem: Layer, side: int, blocks: Sequence[int], widths: Sequence[int], classes: int, kept: Kept
) -> list[Layer]:
    """A ResNet of basic blocks; shortcuts that change the width are 1x1 convolutions."""
    layers, inputs, number = [stem], stem.outputs, 2
    for stage, (repeats, width) in enumerate(zip(blocks, widths, strict=True)):
        for block in range(repeats):
            stride, name = (2 if stage and block == 0 else 1), f"layer{stage + 1}.{block}"
            inner = kept(number, width, stage)
            layers.append(Layer(f"{name}.conv1", (inner, inputs, 3, 3), side, stride))
            layers.append(Layer(f"{name}.conv2", (width, inner, 3, 3), side // stride))
            if inputs != width:
                layers.append(Layer(f"{name}.downsample.0", (width, inputs, 1, 1), side, stride))
            inputs, side, number = width, side // stride, number + 2
    return [*layers, Layer("fc", (classes, inputs))]


def imagenet_resnet(
    blocks: Sequence[int], kept: Kept = all_kept, widths: Sequence[int] = (64, 128, 256, 512)
) -> list[Layer]:
    """ResNet-18 or -34 for 1,000 classes at 224 pixels."""
    return _basic(Layer("conv1", (widths[0], 3, 7, 7), 224, 2), 56, blocks, widths, 1000, kept)


def cifar_resnet(depth: int, kept: Kept = all_kept) -> list[Layer]:
    """ResNet-20 to -110 for 10 classes at 32 pixels; shortcuts have no weights (He et al. 2016, option A)."""
    layers = _basic(Layer("conv1", (16, 3, 3, 3), 32), 32, 3 * ((depth - 2) // 6,), (16, 32, 64), 10, kept)
    return [layer for layer in layers if ".downsample." not in layer.name]


def vgg16(kept: Kept = all_kept) -> list[Layer]:
    """VGG-16 for 10 classes at 32 pixels with two linear layers, the first of 512 neurons (Li et al. 2017, table 2)."""
    layers, inputs, side, number = [], 3, 32, 1
    for stage, (repeats, width) in enumerate(zip((2, 2, 3, 3, 3), (64, 128, 256, 512, 512), strict=True)):
        for _ in range(repeats):
            outputs = kept(number, width, stage)
            layers.append(Layer(f"conv{number}", (outputs, inputs, 3, 3), side))
            inputs, number = outputs, number + 1
        side //= 2
    return [*layers, Layer("fc1", (512, inputs)), Layer("fc2", (10, 512))]


def mobilenet_v1() -> list[Layer]:
    """MobileNet for 1,000 classes at 224 pixels; its classifier is a 1x1 convolution, as in Keras."""
    layers = [Layer("conv1", (32, 3, 3, 3), 224, 2)]
    inputs, side = 32, 112
    widths = (64, 128, 128, 256, 256, *(6 * (512,)), 1024, 1024)
    for number, width in enumerate(widths, 1):
        stride = 2 if width == 2 * inputs and number > 1 else 1
        layers.append(Layer(f"depthwise{number}", (inputs, 1, 3, 3), side, stride, groups=inputs))
        layers.append(Layer(f"pointwise{number}", (width, inputs, 1, 1), side // stride))
        inputs, side = width, side // stride
    return [*layers, Layer("fc", (1000, inputs, 1, 1))]


def halved_resnet18(kept: Kept = all_kept) -> list[Layer]:
    """ResNet-18 with half of the filters everywhere, its shortcuts included."""
    return imagenet_resnet((2, 2, 2, 2), kept, (32, 64, 128, 256))


NETWORKS: dict[str, Callable[[Kept], list[Layer]]] = {
    "resnet18": lambda kept: imagenet_resnet((2, 2, 2, 2), kept),
    "resnet18 of half the width": halved_resnet18,
    "resnet34": lambda kept: imagenet_resnet((3, 4, 6, 3), kept),
    "resnet50": lambda kept: resnet50(),
    "mobilenetv1_100": lambda kept: mobilenet_v1(),
    "resnet56a_cifar": lambda kept: cifar_resnet(56, kept),
    "resnet110a_cifar": lambda kept: cifar_resnet(110, kept),
    "vgg16 with two linear layers": vgg16,
}
"""By our name or timm's, or by what they are."""

"""The networks of SNIP's CIFAR-10 table: two like AlexNet, three like VGG-16, all with batch normalisation throughout.

Read, not copied: namhoonlee/snip-public (snip/network.py). TensorFlow pads a strided convolution by one pixel more at
the right and at the bottom than at the left and the top where the number is odd; so do these.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (everybody's name for it)

from bench.archs.base import Classifier

STRIDED = ((11, 96), (5, 256), (3, 384), (3, 384), (3, 256))
"""Kernel and channels of each of AlexNet's convolutions, all of stride 2."""

STAGES = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
"""Channels of VGG-16's convolutions, by stage."""


class _Normalised(Classifier):
    """Layers behind a first convolution, hidden linear layers with BN and ReLU, and the classifier ``fc``."""

    conv1: nn.Module
    layers: nn.Sequential

    def finish_hidden(self, features: int, widths: tuple[int, ...], num_classes: int, drop_rate: float) -> None:
        """Add hidden layers of these widths for `features` channels, the classifier, and draw the initial weights."""
        pairs = list(pairwise((features, *widths)))
        self.hidden = nn.Sequential(*(layer for pair in pairs for layer in _followed(nn.Linear(*pair))))
        self.finish(widths[-1], num_classes, drop_rate)

    def forward_features(self, x: Tensor) -> Tensor:
        """Map images (N, C, H, W) to feature maps (N, channels, H/32, W/32)."""
        x = self.layers(self.conv1(x))
        return x

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        """Map feature maps, averaged where they are more than a pixel, to logits (N, classes)."""
        x = self.head_drop(self.hidden(F.adaptive_avg_pool2d(x, 1).flatten(1)))
        return x if pre_logits else self.fc(x)


class StridedAlexNet(_Normalised):
    """Five convolutions of stride 2, which leave one pixel of 32, and two hidden layers.

    Args:
        hidden: units of each hidden layer.
        num_classes: number of outputs.
        in_chans: number of image channels.
        drop_rate: dropout before the classifier.
    """

    def __init__(self, hidden: int, num_classes: int = 10, in_chans: int = 3, drop_rate: float = 0.0) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inputs = in_chans
        for kernel, width in STRIDED:
            layers += [Padding(kernel), *_followed(nn.Conv2d(inputs, width, kernel, stride=2))]
            inputs = width
        # The first convolution is called `conv1`, as in our other networks.
        self.pad, self.conv1, self.layers = layers[0], layers[1], nn.Sequential(*layers[2:])
        self.finish_hidden(inputs, (hidden, hidden), num_classes, drop_rate)

    def forward_features(self, x: Tensor) -> Tensor:
        """Map images (N, C, H, W) to feature maps (N, 256, H/32, W/32)."""
        return super().forward_features(self.pad(x))


class SnipVGG(_Normalised):
    """VGG-16's convolutions, a max pooling behind each stage, and hidden layers of 512.

    Args:
        version: ``D``, 3x3 convolutions throughout and two hidden layers; ``C``, the same with 1x1 convolutions at the
            end of the last three stages; ``like``, D with one hidden layer.
        num_classes: number of outputs.
        in_chans: number of image channels.
        drop_rate: dropout before the classifier.
    """

    def __init__(
        self, version: Literal["C", "D", "like"], num_classes: int = 10, in_chans: int = 3, drop_rate: float = 0.0
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inputs = in_chans
        for stage in STAGES:
            for number, width in enumerate(stage):
                kernel = 1 if version == "C" and number == 2 else 3
                layers += _followed(nn.Conv2d(inputs, width, kernel, padding=kernel // 2))
                inputs = width
            # Rounding up changes nothing at 32 pixels and lets images of 8 pixels through.
            layers.append(nn.MaxPool2d(2, ceil_mode=True))
        self.conv1, self.layers = layers[0], nn.Sequential(*layers[1:])
        self.finish_hidden(inputs, (512,) if version == "like" else (512, 512), num_classes, drop_rate)


class Padding(nn.Module):
    """Zeros around an image as TensorFlow has them for a stride of 2, which leaves half of the pixels, rounded up."""

    def __init__(self, kernel: int) -> None:
        super().__init__()
        self.kernel = kernel

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, C, H + kernel - 2, W + kernel - 2), an odd side to one pixel more."""
        (top, bottom), (left, right) = (self._around(side) for side in x.shape[2:])
        return F.pad(x, (left, right, top, bottom))

    def _around(self, side: int) -> tuple[int, int]:
        both = self.kernel - 2 + side % 2
        return both // 2, both - both // 2


def _followed(layer: nn.Conv2d | nn.Linear) -> list[nn.Module]:
    """A layer with BN and ReLU behind it."""
    norm = nn.BatchNorm2d(layer.out_channels) if isinstance(layer, nn.Conv2d) else nn.BatchNorm1d(layer.out_features)
    return [layer, norm, nn.ReLU(inplace=True)]

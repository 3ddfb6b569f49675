"""Plain convolutional networks, in the manner of VGG (arXiv:1409.1556), for images of 8 to 32 pixels.

Without shortcuts a layer that is pruned away cuts the network in two: layer collapse is visible here.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from bench.archs.base import Classifier, conv


class ConvNet(Classifier):
    """Stages of two 3x3 convolutions with BN and ReLU, max pooling between stages, and the head.

    Args:
        widths: channels of each stage.
        num_classes: number of outputs.
        in_chans: number of image channels.
        drop_rate: dropout before the classifier.
    """

    def __init__(self, widths: Sequence[int], num_classes: int = 10, in_chans: int = 3, drop_rate: float = 0.0) -> None:
        super().__init__()
        # The first convolution is called `conv1`, as in our other networks.
        self.conv1, self.bn1, self.relu = conv(in_chans, widths[0]), nn.BatchNorm2d(widths[0]), nn.ReLU(inplace=True)
        layers = _layer(widths[0], widths[0])
        for inputs, outputs in pairwise(widths):
            layers += [nn.MaxPool2d(2), *_layer(inputs, outputs), *_layer(outputs, outputs)]
        self.layers = nn.Sequential(*layers)
        self.finish(widths[-1], num_classes, drop_rate)

    def forward_features(self, x: Tensor) -> Tensor:
        """Map images (N, C, H, W) to feature maps (N, widths[-1], h, w), halved in size between stages."""
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.layers(x)
        return x


class StridedConvNet(Classifier):
    """One 3x3 convolution of stride 2 with BN and ReLU per stage, and the head: trains in minutes on a CPU.

    Args:
        widths: channels of each stage.
        num_classes: number of outputs.
        in_chans: number of image channels.
        drop_rate: dropout before the classifier.
    """

    def __init__(self, widths: Sequence[int], num_classes: int = 10, in_chans: int = 3, drop_rate: float = 0.0) -> None:
        super().__init__()
        self.conv1, self.bn1 = conv(in_chans, widths[0], stride=2), nn.BatchNorm2d(widths[0])
        self.relu = nn.ReLU(inplace=True)
        self.layers = nn.Sequential(*(module for pair in pairwise(widths) for module in _layer(*pair, stride=2)))
        self.finish(widths[-1], num_classes, drop_rate)

    def forward_features(self, x: Tensor) -> Tensor:
        """Map images (N, C, H, W) to feature maps (N, widths[-1], h, w), halved in size by each stage."""
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.layers(x)
        return x


def _layer(inputs: int, outputs: int, stride: int = 1) -> list[nn.Module]:
    return [conv(inputs, outputs, stride=stride), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]

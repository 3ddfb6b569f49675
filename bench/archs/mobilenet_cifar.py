"""MobileNets for CIFAR: V1, Howard et al. 2017, arXiv:1704.04861; V2, Sandler et al. 2018, arXiv:1801.04381.

Both as in selkerdawy/FTWT (models/cifar/mobilenet.py, mobilenetv2.py; read, not copied). V1 is the same network as in
kuangliu/pytorch-cifar (models/mobilenet.py). V2 is *not* that of kuangliu/pytorch-cifar (models/mobilenetv2.py), which
has a third stride, ReLU for ReLU6 and convolutions in the shortcuts, and a third of the MACs.
"""

from __future__ import annotations

from torch import Tensor, nn

from bench.archs.base import Classifier, conv

V1_BLOCKS = (
    *((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)),
    *((512, 1), (512, 1), (512, 1), (512, 1), (512, 1), (1024, 2), (1024, 1)),
)
"""Output channels and stride of each block of V1 (arXiv:1704.04861, table 1; the paper's stem has stride 2)."""

V2_STAGES = (
    *((1, 16, 1, 1), (6, 24, 2, 1), (6, 32, 3, 1), (6, 64, 4, 2)),
    *((6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)),
)
"""Expansion, output channels, blocks and stride of each stage of V2 (arXiv:1801.04381, table 2, where the stem and the
second and third stage have stride 2)."""


class MobileNetV1(Classifier):
    """A stem with 32 channels and stride 1, 13 separable blocks, and the head.

    Args:
        num_classes: number of outputs.
        in_chans: number of image channels.
        drop_rate: dropout before the classifier.
    """

    def __init__(self, num_classes: int = 10, in_chans: int = 3, drop_rate: float = 0.0) -> None:
        super().__init__()
        self.conv1, self.bn1, self.relu = conv(in_chans, 32), nn.BatchNorm2d(32), nn.ReLU(inplace=True)
        inputs, blocks = 32, []
        for outputs, stride in V1_BLOCKS:
            blocks.append(_separable(inputs, outputs, stride))
            inputs = outputs
        self.blocks = nn.Sequential(*blocks)
        self.finish(inputs, num_classes, drop_rate)

    def forward_features(self, x: Tensor) -> Tensor:
        """Map images (N, C, H, W) to feature maps (N, 1024, H/16, W/16)."""
        x = self.blocks(self.relu(self.bn1(self.conv1(x))))
        return x


class InvertedResidual(nn.Module):
    """1x1 convolution to more channels, depthwise 3x3, linear 1x1, and the input where it has the same shape.

    The first 1x1 convolution is there even if the expansion is 1.
    """

    def __init__(self, inputs: int, outputs: int, expansion: int, stride: int) -> None:
        super().__init__()
        inner = inputs * expansion
        self.conv1, self.bn1 = conv(inputs, inner, kernel=1), nn.BatchNorm2d(inner)
        self.conv2, self.bn2 = _depthwise(inner, stride), nn.BatchNorm2d(inner)
        self.conv3, self.bn3 = conv(inner, outputs, kernel=1), nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU6(inplace=True)
        self.same = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, inputs, H, W) to (N, outputs, ⌈H/stride⌉, ⌈W/stride⌉)."""
        inner = self.relu(self.bn1(self.conv1(x)))
        inner = self.relu(self.bn2(self.conv2(inner)))
        residual: Tensor = self.bn3(self.conv3(inner))
        return residual + x if self.same else residual


class MobileNetV2(Classifier):
    """A stem with 32 channels and stride 1, 17 inverted residual blocks, a 1x1 convolution to 1280, and the head.

    Args:
        num_classes: number of outputs.
        in_chans: number of image channels.
        drop_rate: dropout before the classifier.
    """

    def __init__(self, num_classes: int = 10, in_chans: int = 3, drop_rate: float = 0.0) -> None:
        super().__init__()
        self.conv1, self.bn1, self.relu = conv(in_chans, 32), nn.BatchNorm2d(32), nn.ReLU6(inplace=True)
        inputs, blocks = 32, []
        for expansion, outputs, count, stride in V2_STAGES:
            for number in range(count):
                blocks.append(InvertedResidual(inputs, outputs, expansion, 1 if number else stride))
                inputs = outputs
        self.blocks = nn.Sequential(*blocks)
        self.conv2, self.bn2 = conv(inputs, 1280, kernel=1), nn.BatchNorm2d(1280)
        self.finish(1280, num_classes, drop_rate)

    def forward_features(self, x: Tensor) -> Tensor:
        """Map images (N, C, H, W) to feature maps (N, 1280, H/4, W/4)."""
        x = self.blocks(self.relu(self.bn1(self.conv1(x))))
        x = self.relu(self.bn2(self.conv2(x)))
        return x


def _depthwise(channels: int, stride: int) -> nn.Conv2d:
    return nn.Conv2d(channels, channels, 3, stride, padding=1, groups=channels, bias=False)


def _separable(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    depthwise = [_depthwise(inputs, stride), nn.BatchNorm2d(inputs), nn.ReLU(inplace=True)]
    return nn.Sequential(*depthwise, conv(inputs, outputs, kernel=1), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))

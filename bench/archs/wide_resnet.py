"""Wide ResNets with pre-activation: Zagoruyko and Komodakis 2016, arXiv:1605.07146.

RigL's CIFAR-10 experiment uses depth 22 and width 2 (arXiv:1911.11134, appendix); its own code agrees with this file
in the order of layers, in the shortcut (a 1x1 convolution of the *activated* input where the number of channels
changes, first stage included) and in where dropout stands.
"""

from __future__ import annotations

from torch import Tensor, nn

from bench.archs.base import Classifier, conv


class WideBlock(nn.Module):
    """BN, ReLU, 3x3 convolution, BN, ReLU, dropout, 3x3 convolution, and the sum with the shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int, drop_rate: float) -> None:
        super().__init__()
        self.bn1, self.conv1 = nn.BatchNorm2d(inputs), conv(inputs, outputs, stride=stride)
        self.bn2, self.conv2 = nn.BatchNorm2d(outputs), conv(outputs, outputs)
        self.relu, self.drop = nn.ReLU(inplace=True), nn.Dropout(drop_rate)
        self.downsample = conv(inputs, outputs, kernel=1, stride=stride) if inputs != outputs else None

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, inputs, H, W) to (N, outputs, ⌈H/stride⌉, ⌈W/stride⌉)."""
        active = self.relu(self.bn1(x))
        shortcut = x if self.downsample is None else self.downsample(active)
        residual: Tensor = self.conv2(self.drop(self.relu(self.bn2(self.conv1(active)))))
        return residual + shortcut


class WideResNet(Classifier):
    """A stem, three stages of (depth - 4) / 6 blocks with 16, 32 and 64 times `width` channels, and the head.

    Args:
        depth: 6n + 4, counting the stem, 2n convolutions a stage and one shortcut each.
        width: the widening factor.
        num_classes: number of outputs.
        in_chans: number of image channels.
        drop_rate: dropout between the two convolutions of every block.
    """

    def __init__(
        self, depth: int, width: int, num_classes: int = 10, in_chans: int = 3, drop_rate: float = 0.0
    ) -> None:
        super().__init__()
        blocks, widths = (depth - 4) // 6, (16, 16 * width, 32 * width, 64 * width)
        self.conv1 = conv(in_chans, widths[0])
        self.layer1 = _stage(widths[0], widths[1], blocks, 1, drop_rate)
        self.layer2 = _stage(widths[1], widths[2], blocks, 2, drop_rate)
        self.layer3 = _stage(widths[2], widths[3], blocks, 2, drop_rate)
        self.bn, self.relu = nn.BatchNorm2d(widths[3]), nn.ReLU(inplace=True)
        self.finish(widths[3], num_classes, 0.0)

    def forward_features(self, x: Tensor) -> Tensor:
        """Map images (N, C, H, W) to feature maps (N, 64 * width, H/4, W/4)."""
        x = self.layer3(self.layer2(self.layer1(self.conv1(x))))
        x = self.relu(self.bn(x))
        return x


def _stage(inputs: int, outputs: int, blocks: int, stride: int, drop_rate: float) -> nn.Sequential:
    first = WideBlock(inputs, outputs, stride, drop_rate)
    return nn.Sequential(first, *(WideBlock(outputs, outputs, 1, drop_rate) for _ in range(blocks - 1)))

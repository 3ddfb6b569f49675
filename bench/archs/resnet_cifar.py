"""ResNets for CIFAR: He et al. 2016, "Deep Residual Learning for Image Recognition", section 4.2, arXiv:1512.03385."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (everybody's name for it)

from bench.archs.base import Classifier, conv


class PadShortcut(nn.Module):
    """Shortcut option A, without parameters: every `stride`-th pixel, with zero channels on both sides."""

    def __init__(self, extra: int, stride: int) -> None:
        super().__init__()
        self.stride, self.before, self.after = stride, extra // 2, extra - extra // 2

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, C + extra, ⌈H/stride⌉, ⌈W/stride⌉)."""
        return F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, self.before, self.after))


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut, with the ReLU after the sum."""

    def __init__(self, inputs: int, outputs: int, stride: int, shortcut: Literal["A", "B"]) -> None:
        super().__init__()
        self.conv1, self.bn1 = conv(inputs, outputs, stride=stride), nn.BatchNorm2d(outputs)
        self.conv2, self.bn2 = conv(outputs, outputs), nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.downsample: nn.Module = nn.Identity()
        if inputs != outputs and shortcut == "A":
            self.downsample = PadShortcut(outputs - inputs, stride)
        elif inputs != outputs:
            self.downsample = nn.Sequential(conv(inputs, outputs, kernel=1, stride=stride), nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, inputs, H, W) to (N, outputs, ⌈H/stride⌉, ⌈W/stride⌉)."""
        residual: Tensor = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        x = self.relu(residual + self.downsample(x))
        return x


class CifarResNet(Classifier):
    """A stem, three stages of (depth - 2) / 6 blocks with 16, 32 and 64 channels, and the head.

    Args:
        depth: 6n + 2 layers with weights, not counting shortcuts.
        shortcut: where the number of channels changes: ``A`` strides and pads with zeros (the paper's choice for
            CIFAR), ``B`` is a 1x1 convolution with batch normalisation (what most pruning code uses).
        num_classes: number of outputs.
        in_chans: number of image channels.
        drop_rate: dropout before the classifier.
    """

    def __init__(
        self,
        depth: int,
        shortcut: Literal["A", "B"] = "B",
        num_classes: int = 10,
        in_chans: int = 3,
        drop_rate: float = 0.0,
    ) -> None:
        super().__init__()
        blocks = (depth - 2) // 6
        self.conv1, self.bn1, self.relu = conv(in_chans, 16), nn.BatchNorm2d(16), nn.ReLU(inplace=True)
        self.layer1 = _stage(16, 16, blocks, 1, shortcut)
        self.layer2 = _stage(16, 32, blocks, 2, shortcut)
        self.layer3 = _stage(32, 64, blocks, 2, shortcut)
        self.finish(64, num_classes, drop_rate)

    def forward_features(self, x: Tensor) -> Tensor:
        """Map images (N, C, H, W) to feature maps (N, 64, H/4, W/4)."""
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return x


def _stage(inputs: int, outputs: int, blocks: int, stride: int, shortcut: Literal["A", "B"]) -> nn.Sequential:
    first = BasicBlock(inputs, outputs, stride, shortcut)
    return nn.Sequential(first, *(BasicBlock(outputs, outputs, 1, shortcut) for _ in range(blocks - 1)))

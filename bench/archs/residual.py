"""Residual blocks with post-activation and their shortcuts: He et al. 2016, arXiv:1512.03385, figures 2 and 5."""

from __future__ import annotations

from typing import ClassVar, Literal

from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (everybody's name for it)

from bench.archs.base import conv

Shortcut = Literal["A", "A-pooled", "B"]
"""What a shortcut does where the number of channels changes: `PadShortcut`, `PooledShortcut`, or a 1x1 convolution."""


class PadShortcut(nn.Module):
    """Shortcut option A, without parameters: every `stride`-th pixel, with zero channels on both sides."""

    def __init__(self, extra: int, stride: int) -> None:
        super().__init__()
        self.stride, self.before, self.after = stride, extra // 2, extra - extra // 2

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, C + extra, ⌈H/stride⌉, ⌈W/stride⌉)."""
        return F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, self.before, self.after))


class PooledShortcut(nn.Module):
    """Option A as in the official code of FTWT: the average of `stride`² pixels, zero channels behind the others.

    That code passes on the values without their history: in training no gradient flows through this shortcut.
    """

    def __init__(self, extra: int, stride: int) -> None:
        super().__init__()
        self.stride, self.extra = stride, extra

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, C + extra, ⌈H/stride⌉, ⌈W/stride⌉)."""
        # Only in training: gradients in evaluation mode ask which paths exist (`bench.effective`), and this one does.
        x = x.detach() if self.training else x
        return F.pad(F.avg_pool2d(x, self.stride, ceil_mode=True), (0, 0, 0, 0, 0, self.extra))


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut, with the ReLU after the sum."""

    expansion: ClassVar[int] = 1

    def __init__(self, inputs: int, width: int, stride: int, shortcut: Shortcut) -> None:
        super().__init__()
        self.conv1, self.bn1 = conv(inputs, width, stride=stride), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = conv(width, width), nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _downsample(inputs, width, stride, shortcut)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, inputs, H, W) to (N, width, ⌈H/stride⌉, ⌈W/stride⌉)."""
        residual: Tensor = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        x = self.relu(residual + self.downsample(x))
        return x


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolutions and a shortcut; the output has four times the inner width.

    The stride is that of the 3x3 convolution ("v1.5"), as in everything pruning papers use, not of the first 1x1.
    """

    expansion: ClassVar[int] = 4

    def __init__(self, inputs: int, width: int, stride: int, shortcut: Shortcut) -> None:
        super().__init__()
        outputs = width * self.expansion
        self.conv1, self.bn1 = conv(inputs, width, kernel=1), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = conv(width, width, stride=stride), nn.BatchNorm2d(width)
        self.conv3, self.bn3 = conv(width, outputs, kernel=1), nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _downsample(inputs, outputs, stride, shortcut)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, inputs, H, W) to (N, 4 * width, ⌈H/stride⌉, ⌈W/stride⌉)."""
        residual: Tensor = self.relu(self.bn1(self.conv1(x)))
        residual = self.relu(self.bn2(self.conv2(residual)))
        x = self.relu(self.bn3(self.conv3(residual)) + self.downsample(x))
        return x


Block = type[BasicBlock] | type[Bottleneck]
"""Either class of blocks."""


def stage(block: Block, inputs: int, width: int, blocks: int, stride: int, shortcut: Shortcut) -> nn.Sequential:
    """So many blocks in a row; the first has the stride and changes the number of channels."""
    outputs = width * block.expansion
    first = block(inputs, width, stride, shortcut)
    return nn.Sequential(first, *(block(outputs, width, 1, shortcut) for _ in range(blocks - 1)))


def _downsample(inputs: int, outputs: int, stride: int, shortcut: Shortcut) -> nn.Module:
    if inputs == outputs:
        return nn.Identity()
    if shortcut == "A":
        return PadShortcut(outputs - inputs, stride)
    if shortcut == "A-pooled":
        return PooledShortcut(outputs - inputs, stride)
    return nn.Sequential(conv(inputs, outputs, kernel=1, stride=stride), nn.BatchNorm2d(outputs))

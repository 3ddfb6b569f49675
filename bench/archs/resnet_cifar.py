"""ResNets for CIFAR: He et al. 2016, "Deep Residual Learning for Image Recognition", section 4.2, arXiv:1512.03385.

Two variants are not the paper's. From the sources of selkerdawy/FTWT (models/cifar/resnet.py): its ResNet-56 has the
shortcut "A-pooled". From a copy of the zoo of DPF's authors (IST-DASLab/WoodFisher, models/resnet_dpf.py): from depth
44 on its blocks are bottlenecks, still (depth - 2) / 6 a stage, so that its "ResNet-56" has 83 layers with weights.
Both were read, not copied.
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from bench.archs.base import Classifier, conv
from bench.archs.residual import BasicBlock, Block, Bottleneck, Shortcut, stage


class CifarResNet(Classifier):
    """A stem, three stages of (depth - 2) / 6 blocks with 16, 32 and 64 channels, and the head.

    Args:
        depth: 6n + 2 layers with weights, not counting shortcuts.
        shortcut: where the number of channels changes: ``A`` strides and pads with zeros (the paper's choice for
            CIFAR), ``B`` is a 1x1 convolution with batch normalisation (what most pruning code uses), ``A-pooled``
            averages, pads, and stops the gradient (FTWT).
        block: ``basic``, or ``bottleneck`` with 64, 128 and 256 channels between blocks (DPF, depth 44 and more).
        num_classes: number of outputs.
        in_chans: number of image channels.
        drop_rate: dropout before the classifier.
    """

    def __init__(
        self,
        depth: int,
        shortcut: Shortcut = "B",
        block: Literal["basic", "bottleneck"] = "basic",
        num_classes: int = 10,
        in_chans: int = 3,
        drop_rate: float = 0.0,
    ) -> None:
        super().__init__()
        blocks = (depth - 2) // 6
        cls: Block = BasicBlock if block == "basic" else Bottleneck
        self.conv1, self.bn1, self.relu = conv(in_chans, 16), nn.BatchNorm2d(16), nn.ReLU(inplace=True)
        self.layer1 = stage(cls, 16, 16, blocks, 1, shortcut)
        self.layer2 = stage(cls, 16 * cls.expansion, 32, blocks, 2, shortcut)
        self.layer3 = stage(cls, 32 * cls.expansion, 64, blocks, 2, shortcut)
        self.finish(64 * cls.expansion, num_classes, drop_rate)

    def forward_features(self, x: Tensor) -> Tensor:
        """Map images (N, C, H, W) to feature maps (N, `num_features`, H/4, W/4)."""
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return x

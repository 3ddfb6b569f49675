"""The ImageNet ResNets with the stem that CIFAR needs: He et al. 2016, arXiv:1512.03385, table 1.

The stem is one 3x3 convolution with stride 1, without pooling: at 32 pixels the four stages have 32, 16, 8 and 4.
So it is in naver/force (experiments/models.py; FORCE, arXiv:2006.09081) and in kuangliu/pytorch-cifar
(models/resnet.py), whose ResNet-18 once had blocks with pre-activation; both were read, not copied.
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from bench.archs.base import Classifier, conv
from bench.archs.residual import BasicBlock, Block, Bottleneck, stage


class ResNet(Classifier):
    """A stem, four stages with 64, 128, 256 and 512 channels inside the blocks, and the head; shortcut option B.

    Args:
        blocks: number of blocks of each stage.
        block: ``basic`` (ResNet-18, 34) or ``bottleneck`` (ResNet-50), whose output has four times the channels.
        num_classes: number of outputs.
        in_chans: number of image channels.
        drop_rate: dropout before the classifier.
    """

    def __init__(
        self,
        blocks: tuple[int, int, int, int],
        block: Literal["basic", "bottleneck"],
        num_classes: int = 10,
        in_chans: int = 3,
        drop_rate: float = 0.0,
    ) -> None:
        super().__init__()
        cls: Block = BasicBlock if block == "basic" else Bottleneck
        self.conv1, self.bn1, self.relu = conv(in_chans, 64), nn.BatchNorm2d(64), nn.ReLU(inplace=True)
        self.layer1 = stage(cls, 64, 64, blocks[0], 1, "B")
        self.layer2 = stage(cls, 64 * cls.expansion, 128, blocks[1], 2, "B")
        self.layer3 = stage(cls, 128 * cls.expansion, 256, blocks[2], 2, "B")
        self.layer4 = stage(cls, 256 * cls.expansion, 512, blocks[3], 2, "B")
        self.finish(512 * cls.expansion, num_classes, drop_rate)

    def forward_features(self, x: Tensor) -> Tensor:
        """Map images (N, C, H, W) to feature maps (N, `num_features`, H/8, W/8)."""
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return x

"""GraSP's ResNet-32 for CIFAR, of twice the usual width: He et al. 2016, arXiv:1512.03385, section 4.2, otherwise.

Read, not copied: alecwangcq/GraSP, models/base/resnet.py.
"""

from __future__ import annotations

from torch import Tensor, nn

from bench.archs.base import Classifier, conv
from bench.archs.residual import BasicBlock, stage


class DoubleResNet(Classifier):
    """A stem, three stages of (depth - 2) / 6 blocks with 32, 64 and 128 channels and 1x1 shortcuts, and the head.

    Args:
        depth: 6n + 2 layers with weights, not counting shortcuts.
        num_classes: number of outputs.
        in_chans: number of image channels.
        drop_rate: dropout before the classifier.
    """

    def __init__(self, depth: int, num_classes: int = 10, in_chans: int = 3, drop_rate: float = 0.0) -> None:
        super().__init__()
        blocks = (depth - 2) // 6
        self.conv1, self.bn1, self.relu = conv(in_chans, 32), nn.BatchNorm2d(32), nn.ReLU(inplace=True)
        self.layer1 = stage(BasicBlock, 32, 32, blocks, 1, "B")
        self.layer2 = stage(BasicBlock, 32, 64, blocks, 2, "B")
        self.layer3 = stage(BasicBlock, 64, 128, blocks, 2, "B")
        self.finish(128, num_classes, drop_rate)

    def forward_features(self, x: Tensor) -> Tensor:
        """Map images (N, C, H, W) to feature maps (N, 128, H/4, W/4)."""
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return x

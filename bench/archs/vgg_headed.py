"""VGG-11 and VGG-16 with batch normalisation and biases: configurations A and D of arXiv:1409.1556 with other heads.

Read, not copied: ganguli-lab/Synaptic-Flow (Models/lottery_vgg.py for the one linear layer, Models/tinyimagenet_vgg.py
for hidden layers of 1,024 behind maps of 2x2), and torchvision's VGG, whose 4,096 units see the last map as 7x7 pixels,
repeated where it has fewer.
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (everybody's name for it)

from bench.archs.base import Classifier

CONVOLUTIONS = {11: (1, 1, 2, 2, 2), 16: (2, 2, 3, 3, 3)}
"""Convolutions of each stage, by depth."""

WIDTHS = (64, 128, 256, 512, 512)
"""Channels of each stage."""


class HeadedVGG(Classifier):
    """Five stages of 3x3 convolutions with BN and ReLU, max pooling between stages, and linear layers.

    Args:
        depth: 11 or 16 layers with weights in the original, which has three linear layers.
        hidden: units of the linear layers before the classifier, each with ReLU and dropout; with any of them the last
            stage ends in a max pooling, too.
        side: pixels to a side of the map that the linear layers see, an average over whatever there is.
        num_classes: number of outputs.
        in_chans: number of image channels.
        drop_rate: dropout after every hidden layer, or before the classifier where there is none.
    """

    def __init__(
        self,
        depth: Literal[11, 16],
        hidden: tuple[int, ...] = (),
        side: int = 1,
        num_classes: int = 10,
        in_chans: int = 3,
        drop_rate: float = 0.0,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inputs = in_chans
        for number, (width, count) in enumerate(zip(WIDTHS, CONVOLUTIONS[depth], strict=True)):
            layers += [_pool()] if number else []
            for _ in range(count):
                layers += [nn.Conv2d(inputs, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
                inputs = width
        layers += [_pool()] if hidden else []
        # The first convolution is called `conv1`, as in our other networks.
        self.conv1, self.layers, self.side = layers[0], nn.Sequential(*layers[1:]), side
        sizes = (inputs * side**2, *hidden)
        self.hidden = nn.ModuleList(nn.Linear(before, size) for before, size in zip(sizes, hidden, strict=False))
        self.finish(sizes[-1], num_classes, drop_rate)

    def forward_features(self, x: Tensor) -> Tensor:
        """Map images (N, C, H, W) to feature maps (N, 512, H/16, W/16), or half of that before hidden layers."""
        x = self.layers(self.conv1(x))
        return x

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        """Map feature maps to logits (N, classes), or to what the classifier sees (N, `num_features`)."""
        x = F.adaptive_avg_pool2d(x, self.side).flatten(1)
        for layer in self.hidden:
            x = self.head_drop(F.relu(layer(x)))
        x = x if self.hidden else self.head_drop(x)
        return x if pre_logits else self.fc(x)


def _pool() -> nn.MaxPool2d:
    # Rounding up changes nothing at 32 pixels and lets images of 8 pixels through.
    return nn.MaxPool2d(2, ceil_mode=True)

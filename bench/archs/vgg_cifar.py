"""VGG-16 and VGG-19 with batch normalisation for CIFAR: configurations D and E of arXiv:1409.1556, one linear layer.

Papers mean three different networks by the same name; all have the same MACs here, as biases do not count:

* four max poolings, average pooling of the last 2x2 maps, convolutions without bias: the plain names;
* the same with biases: ``…_bias``, the "lottery" VGG of open_lth and SynFlow;
* biases and a fifth max pooling: ``…_bias_maxpool``, FTWT's.

Read, not copied: naver/force (experiments/models.py, the first), ganguli-lab/Synaptic-Flow (Models/lottery_vgg.py, the
second) and selkerdawy/FTWT (models/cifar/vgg.py, the third). GraSP's is the first from memory.
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from bench.archs.base import Classifier

CONVOLUTIONS = {16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
"""Convolutions of each stage, by depth."""

WIDTHS = (64, 128, 256, 512, 512)
"""Channels of each stage."""


class CifarVGG(Classifier):
    """Five stages of 3x3 convolutions with BN and ReLU, max pooling between stages, and the head.

    Args:
        depth: 16 or 19 layers with weights in the original, which has three linear layers.
        bias: whether convolutions have a bias. It has no effect on the function, BN subtracts it, but is counted
            among the parameters, decayed, and ranked by methods that prune biases.
        last_pool: before the classifier: average (``avg``) or maximum (``max``) of each 2x2 square.
        num_classes: number of outputs.
        in_chans: number of image channels.
        drop_rate: dropout before the classifier.
    """

    def __init__(
        self,
        depth: Literal[16, 19],
        bias: bool = False,
        last_pool: Literal["avg", "max"] = "avg",
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
                layers += _layer(inputs, width, bias)
                inputs = width
        layers += [_pool()] if last_pool == "max" else []
        # The first convolution is called `conv1`, as in our other networks.
        self.conv1, self.layers = layers[0], nn.Sequential(*layers[1:])
        self.finish(inputs, num_classes, drop_rate)

    def forward_features(self, x: Tensor) -> Tensor:
        """Map images (N, C, H, W) to feature maps (N, 512, H/16, W/16), or half of that after the fifth pooling."""
        x = self.layers(self.conv1(x))
        return x


def _layer(inputs: int, outputs: int, bias: bool) -> list[nn.Module]:
    convolution = nn.Conv2d(inputs, outputs, 3, padding=1, bias=bias)
    return [convolution, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]


def _pool() -> nn.MaxPool2d:
    # Rounding up changes nothing at 32 pixels and lets images of 8 pixels through.
    return nn.MaxPool2d(2, ceil_mode=True)

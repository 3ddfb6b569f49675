"""LeNet-300-100 and LeNet-5 (LeCun et al. 1998, Proc. IEEE 86(11)), as pruning papers mean them, for grey 28x28 images.

No batch normalisation. Weights and biases are those that torch's layers draw unless a recipe states a draw.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from bench.archs.base import Classifier
from bench.errors import UserError


class _Flat(Classifier):
    """A network whose head sees every position of its features, so that it is built for one size of images.

    Behind them come linear layers ``fc1``, ``fc2``, …, each with ReLU, and the classifier ``fc``.
    """

    def finish_flat(self, features: int, widths: Sequence[int], num_classes: int, drop_rate: float) -> None:
        """Add hidden layers of these widths behind so many features, and the classifier."""
        self.depth = len(widths)
        for number, (inputs, outputs) in enumerate(pairwise((features, *widths)), start=1):
            self.add_module(f"fc{number}", nn.Linear(inputs, outputs))
        self.relu = nn.ReLU(inplace=True)
        self.num_features = self.head_hidden_size = widths[-1]
        self.head_drop = nn.Dropout(drop_rate)
        self.reset_classifier(num_classes)

    def hidden(self, x: Tensor) -> Tensor:
        """Map features of any shape (N, …) to the last hidden layer (N, `num_features`)."""
        x = x.flatten(1)
        for number in range(1, self.depth + 1):
            x = self.relu(self.get_submodule(f"fc{number}")(x))
        return x

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        """Map the last hidden layer (N, `num_features`) to logits (N, classes), or to itself if `pre_logits`."""
        x = self.head_drop(x)
        if not pre_logits:
            x = self.fc(x)
        return x


class Perceptron(_Flat):
    """Hidden linear layers ``fc1``, ``fc2``, …, each with ReLU, and the classifier ``fc``.

    Args:
        widths: units of each hidden layer.
        num_classes: number of outputs.
        in_chans: number of image channels.
        drop_rate: dropout before the classifier.
        img_size: height and width of the images in pixels.
    """

    def __init__(
        self,
        widths: Sequence[int],
        num_classes: int = 10,
        in_chans: int = 1,
        drop_rate: float = 0.0,
        img_size: tuple[int, int] = (28, 28),
    ) -> None:
        super().__init__()
        self.finish_flat(in_chans * img_size[0] * img_size[1], widths, num_classes, drop_rate)

    def forward_features(self, x: Tensor) -> Tensor:
        """Map images (N, C, H, W) to the last hidden layer (N, widths[-1])."""
        return self.hidden(x)


class LeNet5(_Flat):
    """Two 5x5 convolutions, each with 2x2 max pooling, hidden linear layers with ReLU, and the classifier ``fc``.

    Args:
        channels: of the two convolutions.
        widths: units of each hidden linear layer.
        padding: of the first convolution; 2 keeps the size.
        relu: whether a ReLU follows each convolution; Caffe's network has none there.
        num_classes: number of outputs.
        in_chans: number of image channels.
        drop_rate: dropout before the classifier.
        img_size: height and width of the images in pixels, 16 or more without padding.
    """

    def __init__(
        self,
        channels: tuple[int, int] = (20, 50),
        widths: Sequence[int] = (500,),
        padding: int = 0,
        relu: bool = True,
        num_classes: int = 10,
        in_chans: int = 1,
        drop_rate: float = 0.0,
        img_size: tuple[int, int] = (28, 28),
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_chans, channels[0], 5, padding=padding)
        self.conv2 = nn.Conv2d(channels[0], channels[1], 5)
        self.pool = nn.MaxPool2d(2)
        self.after = nn.ReLU(inplace=True) if relu else nn.Identity()
        height, width = (((side + 2 * padding - 4) // 2 - 4) // 2 for side in img_size)
        if min(height, width) < 1:
            raise UserError(f"LeNet-5 takes images of 16 pixels or more, not {img_size[0]}x{img_size[1]}.")
        self.finish_flat(channels[1] * height * width, widths, num_classes, drop_rate)

    def forward_features(self, x: Tensor) -> Tensor:
        """Map images (N, C, H, W) to the last hidden layer (N, widths[-1])."""
        x = self.pool(self.after(self.conv1(x)))
        x = self.pool(self.after(self.conv2(x)))
        return self.hidden(x)

"""The perceptron of SET's tutorial, whose dropout is neither scaled in training nor seen by the backward pass.

Read in dcmocanu/sparse-evolutionary-artificial-neural-networks at 62ac974 (Tutorial-IJCAI-2019-Scalable-Deep-Learning,
the functions `_feed_forward` and `_back_prop` of all three programs).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from bench.archs.lenet import Perceptron


class PassingDropout(nn.Dropout):
    """Zeroes entries in training, without scaling the others; gradients pass as if nothing had been zeroed."""

    def forward(self, x: Tensor) -> Tensor:
        """Map a tensor to one of its shape; in evaluation, to itself."""
        if not self.training or not self.p:
            return x
        kept = torch.rand_like(x) >= self.p
        return x + (x * kept - x).detach()


class LateScaling(nn.Dropout):
    """The other half of such a dropout: multiplies by 1 − `p` in evaluation, wherever it stands."""

    def forward(self, x: Tensor) -> Tensor:
        """Map a tensor to one of its shape; in training, to itself."""
        return x if self.training else x * (1 - self.p)


class SetPerceptron(Perceptron):
    """A perceptron with dropout after every hidden layer, as in SET's tutorial.

    In evaluation what enters a layer's activation is multiplied by 1 − `drop_rate`, its bias included, in every layer
    but the first. Arguments and names are those of `Perceptron`.
    """

    def __init__(self, *arguments: Any, drop_rate: float = 0.0, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.head_drop = PassingDropout(drop_rate)  # of every hidden layer: it has no state
        self.scaling = LateScaling(drop_rate)

    def hidden(self, x: Tensor) -> Tensor:
        """Map images (N, …) to the last hidden layer (N, `num_features`), before its dropout."""
        x = self.relu(self.get_submodule("fc1")(x.flatten(1)))
        for number in range(2, self.depth + 1):
            x = self.relu(self.scaling(self.get_submodule(f"fc{number}")(self.head_drop(x))))
        return x

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        """Map the last hidden layer (N, `num_features`) to logits (N, classes), or only through dropout."""
        x = self.head_drop(x)
        return x if pre_logits else self.scaling(self.fc(x))

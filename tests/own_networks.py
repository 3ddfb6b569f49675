"""Networks as users bring them along, each with something that those of the literature on images do not have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations, prune, weight_norm

IMAGE = (1, 8, 8)
"""Channels, height and width of the images that all of them take."""


class Chain(nn.Module):
    """Layers one after another, each with a batch norm unless it has none, then the mean over places and a classifier.

    Args:
        layers: convolutions by name.
        norms: batch norms by the name of the layer that they stand behind.
        order: which layers an image passes.
        enter: makes of images what the first layer takes.
    """

    def __init__(
        self,
        layers: dict[str, nn.Module],
        norms: dict[str, nn.Module],
        order: tuple[str, ...],
        enter: Callable[[Tensor], Tensor] = lambda images: images,
    ) -> None:
        super().__init__()
        self.layers, self.norms = nn.ModuleDict(layers), nn.ModuleDict(norms)
        self.order, self.enter = order, enter
        self.fc = nn.LazyLinear(10)
        with torch.no_grad():
            self.fc(self.features(torch.zeros(1, *IMAGE)))  # which makes it a usual linear layer

    def features(self, images: Tensor) -> Tensor:
        """What the classifier sees."""
        x = self.enter(images)
        for name in self.order:
            x = self.layers[name](x)
            x = torch.relu(self.norms[name](x) if name in self.norms else x)
        return x.flatten(2).mean(2)

    def forward(self, images: Tensor) -> Tensor:
        """Logits."""
        logits: Tensor = self.fc(self.features(images))
        return logits


def two(second: nn.Module) -> Chain:
    """A usual convolution with a batch norm, and another one."""
    first = nn.Conv2d(1, 8, 3, padding=1, bias=False)
    norms = {"a": nn.BatchNorm2d(8), "b": nn.BatchNorm2d(8)}
    return Chain({"a": first, "b": second}, norms, ("a", "b")).train()


def square(**settings: Any) -> nn.Conv2d:
    """A convolution of eight channels that keeps the size."""
    return nn.Conv2d(8, 8, 3, padding=1, **settings)


def one_dimensional() -> Chain:
    """Rows are channels; the second convolution is grouped and has no bias."""
    layers = {"a": nn.Conv1d(8, 16, 3, padding="same"), "b": nn.Conv1d(16, 16, 3, groups=4, bias=False)}
    return Chain(layers, {"a": nn.BatchNorm1d(16), "b": nn.BatchNorm1d(16)}, ("a", "b"), lambda x: x.flatten(1, 2))


class Rows(nn.Module):
    """Each row of an image passes a one-dimensional convolution by itself: rows are a batch."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.fc = nn.Conv1d(1, 4, 3, padding="same"), nn.Linear(32, 10)

    def forward(self, images: Tensor) -> Tensor:
        """Logits."""
        rows = self.conv(images.transpose(1, 2).flatten(0, 1)).mean(2)
        logits: Tensor = self.fc(rows.view(len(images), -1))
        return logits


def three_dimensional() -> Chain:
    """An image is a volume of depth one."""
    return Chain({"a": nn.Conv3d(1, 8, (1, 3, 3))}, {"a": nn.BatchNorm3d(8)}, ("a",), lambda x: x[:, None])


def transposed() -> Chain:
    """A convolution that halves the size, and a transposed one in two groups that doubles it."""
    layers = {"a": nn.Conv2d(1, 8, 3, stride=2, padding=1), "b": nn.ConvTranspose2d(8, 12, 2, stride=2, groups=2)}
    return Chain(layers, {"a": nn.BatchNorm2d(8), "b": nn.BatchNorm2d(12)}, ("a", "b"))


def tied() -> Chain:
    """Two convolutions with one weight, and a batch norm and a bias each."""
    found = Chain(
        {"a": nn.Conv2d(1, 8, 3, padding=1), "b": square(), "c": square()},
        {"b": nn.BatchNorm2d(8), "c": nn.BatchNorm2d(8)},
        ("a", "b", "c"),
    )
    found.layers["c"].weight = found.layers["b"].weight
    return found


def twice() -> Chain:
    """A convolution that an image passes twice, once under another name."""
    again = square()
    return Chain({"a": nn.Conv2d(1, 8, 3, padding=1), "b": again, "c": again}, {}, ("a", "b", "c"))


SUITABLE: dict[str, Callable[[], nn.Module]] = {
    "one-dimensional": one_dimensional,
    "rows": Rows,
    "three-dimensional": three_dimensional,
    "transposed": transposed,
    "tied": tied,
    "twice": twice,
    "reflect": lambda: two(square(padding_mode="reflect")),
    "circular": lambda: two(square(padding_mode="circular")),
    "depthwise": lambda: two(square(groups=8, bias=False)),
}
"""Networks that can be pruned."""

COMPUTED: dict[str, Callable[[], nn.Module]] = {
    "weight_norm": lambda: two(parametrizations.weight_norm(square())),
    "old weight_norm": lambda: two(weight_norm(square())),
    "spectral_norm": lambda: two(parametrizations.spectral_norm(square())),
    "orthogonal": lambda: two(parametrizations.orthogonal(square())),
    "pruned by torch": lambda: two(prune.identity(square(), "weight")),
}
"""Networks in which a weight is computed from others."""

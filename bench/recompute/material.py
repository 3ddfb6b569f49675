"""What a measurement may look at: checked network files, and the test images of registered data sets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bench import data

if TYPE_CHECKING:
    from torch import Tensor, nn

PIECE = 100
"""Images that go through a network together, which bounds memory and moves nothing but last bits."""


@dataclass(frozen=True)
class ImageSet:
    """The test images of a data set, in its order.

    Attributes:
        pixels: uint8, (images, channels, height, width).
        labels: int64, (images,).
    """

    pixels: Tensor
    labels: Tensor

    def scaled(self, whole: float = 255) -> Tensor:
        """The pixels in float32, divided by `whole`."""
        return self.pixels.float() / whole

    def normalised(self, mean: tuple[float, ...], std: tuple[float, ...]) -> Tensor:
        """The pixels in units of [0, 1], in float32, minus the mean and over the deviation of their channel."""
        import torch

        centre, width = (torch.tensor(values).view(1, -1, 1, 1) for values in (mean, std))
        return (self.scaled() - centre) / width


@dataclass
class Material:
    """The network files of a source and the data sets they need.

    Attributes:
        files: the checked files by key, those that are there.
        data_folder: where decoded data sets lie, or are put.
        data_dir: where their originals lie; see `bench.data.prepare`.
    """

    files: Mapping[str, Path]
    data_folder: Path
    data_dir: Path | None = None
    _images: dict[str, ImageSet] = field(default_factory=dict)

    def test_images(self, dataset: str) -> ImageSet:
        """The test images of a data set, decoded where that was not done yet. Raises `UserError` without originals."""
        if dataset not in self._images:
            data.prepare(dataset, self.data_folder, self.data_dir)
            found = data.load(dataset, self.data_folder)
            assert isinstance(found, data.Images), "a folder of photographs is no data set of a published table so far"
            self._images[dataset] = ImageSet(found.test_x, found.test_y)
        return self._images[dataset]


def logits(network: nn.Module | Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
    """A network's answers to all images, float32 (images, classes); its mode is the caller's affair."""
    import torch

    with torch.no_grad():
        return torch.cat([network(part) for part in torch.split(images, PIECE)])

"""Batches of an image folder: decoded ahead in worker processes, and the same bits however many of them there are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import ClassVar

import numpy as np
import torch

from bench.data.batches import Batch, Batches, Part
from bench.data.catalog import DataInfo
from bench.data.decoding import Decoder, Picture
from bench.data.folder import Folder
from bench.data.images import Images
from bench.data.photographs import Pipeline
from bench.errors import UserError
from bench.recipe import Recipe
from bench.seeds import seed_for

AHEAD = 2
"""Batches that are decoded while the network is busy with another."""

Place = tuple[str, int, int, int]
"""Phase, copy, epoch and index of a training batch."""


class FolderBatches(Batches):
    """The batches of a run on an image folder.

    An image's augmentation is a pure function of seed, phase, copy, epoch and the image's number.

    Args:
        folder: the opened data set.
        info: the facts about it.
        recipe: the protocol.
        seed: of the run.
        device: where batches are wanted.
        share: which images of a batch are made, where several processes share it out; MixUp and CutMix mix these.
        workers: processes that decode; 0 decodes in this one.

    Raises:
        UserError: the recipe does not fit an image folder.
    """

    evaluation_batch: ClassVar[int] = 100

    def __init__(
        self,
        folder: Folder,
        info: DataInfo,
        recipe: Recipe,
        seed: int,
        device: torch.device | str = "cpu",
        share: slice = slice(None),
        workers: int = 0,
    ) -> None:
        _check(recipe, info)
        nothing = torch.empty(0, dtype=torch.uint8)
        labels = (folder.train.labels.to(device), folder.test.labels.to(device))
        super().__init__(Images(nothing, labels[0], nothing, labels[1]), info, recipe, seed, device, share)
        self._folder = folder
        fill = tuple(round(255 * value) for value in recipe.data.mean or info.mean)
        self._decoder = Decoder(Pipeline(recipe.data, info.height, fill), workers)
        self._ahead: dict[Place, tuple[torch.Tensor, Callable[[], np.ndarray]]] = {}

    def train(self, epoch: int, index: int, *, phase: str = "train", copy: int = 0) -> Batch:
        """As of any data set; the batches that follow this one are begun before it is waited for."""
        if not 0 <= index < self.steps_per_epoch:
            raise IndexError(f"batch {index} of an epoch with {self.steps_per_epoch} batches")
        here = (phase, copy, epoch, index)
        if here not in self._ahead:
            self._ahead.clear()  # something else is trained now
        for place in self._following(here):
            if place not in self._ahead:
                self._ahead[place] = self._begin_training(place)
        chosen, images = self._ahead.pop(here)
        pixels = self._on_device(images())
        return self._mixed(self._finished(pixels, pixels), self._labels("train")[chosen], here)

    def close(self) -> None:
        """End the processes that decode."""
        self._decoder.close()

    def _following(self, place: Place) -> Iterator[Place]:
        """A place and those of the next batches, across the end of the epoch."""
        phase, copy, epoch, index = place
        for number in range(index, index + 1 + (AHEAD if self._decoder.workers else 0)):
            epochs, rest = divmod(number, self.steps_per_epoch)
            yield phase, copy, epoch + epochs, rest

    def _begin_training(self, place: Place) -> tuple[torch.Tensor, Callable[[], np.ndarray]]:
        phase, copy, epoch, index = place
        chosen = self._slice(self._order("order", phase, copy, epoch), index, self.recipe.batch_size)[self.share]
        return chosen, self._begin("train", chosen, "augmentation", phase, copy, epoch)

    def _begin(self, part: Part, chosen: torch.Tensor, *augmentation: int | str) -> Callable[[], np.ndarray]:
        """Start to decode images, augmented by a purpose and its keys if there are any."""
        files = self._folder.train if part == "train" else self._folder.test
        wanted = []
        for number in chosen.tolist():
            seed = seed_for(self.seed, *map(str, augmentation), number) if augmentation else None
            wanted.append(Picture(str(self._folder.root / files.paths[number]), files.sizes[number], seed))
        return self._decoder.start(wanted)

    def _augmented(self, chosen: torch.Tensor, purpose: str, *keys: int | str) -> Batch:
        chosen = chosen[self.share]
        pixels = self._on_device(self._begin("train", chosen, purpose, *keys)())
        return self._finished(pixels, pixels), self._labels("train")[chosen]

    def _plain(self, part: Part, chosen: torch.Tensor) -> Batch:
        return next(self._in_order(part, [chosen]))

    def _in_order(self, part: Part, pieces: Sequence[torch.Tensor]) -> Iterator[Batch]:
        begun: list[Callable[[], np.ndarray]] = []
        for number, chosen in enumerate(pieces):
            for piece in pieces[number + len(begun) : number + 1 + AHEAD]:
                begun.append(self._begin(part, piece))
            pixels = self._on_device(begun.pop(0)())
            yield self._finished(pixels, pixels), self._labels(part)[chosen]

    def _on_device(self, pixels: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(pixels).to(self.device)

    def _mixed(self, images: torch.Tensor, labels: torch.Tensor, place: Place) -> Batch:
        """MixUp or CutMix, if the recipe has them: labels are then the classes' shares, (n, classes)."""
        chosen = self.recipe.data.photographs
        if not chosen.mixup and not chosen.cutmix:
            return images, labels
        from torchvision.transforms import v2

        ways = [v2.MixUp(alpha=chosen.mixup, num_classes=self.classes)] if chosen.mixup else []
        ways += [v2.CutMix(alpha=chosen.cutmix, num_classes=self.classes)] if chosen.cutmix else []
        with torch.random.fork_rng(devices=[]):  # torchvision draws from the CPU's default generator
            torch.default_generator.manual_seed(seed_for(self.seed, "mixing", *place))
            images, shares = ways[int(torch.randint(len(ways), ()))](images, labels)
        return self._in_format(images), shares.to(images.dtype)


def _check(recipe: Recipe, info: DataInfo) -> None:
    data, where = recipe.data, f"recipe '{recipe.name}' with data set '{info.name}'"
    for field, value in (("crop_padding", data.crop_padding), ("resized_crop", data.resized_crop)):
        if value:
            raise UserError(
                f"{where}: field 'data.{field}': photographs of an image folder are not padded; 'data.photographs' "
                "says how they are cropped."
            )
    if data.normalise == "whole_image":
        raise UserError(f"{where}: field 'data.normalise': an image folder's photographs have no size in common.")

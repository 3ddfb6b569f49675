"""Batches as pure functions: which images, and what is done to them, depends on seed and place and nothing else.

There is no loader and no state to save. Batch 17 of epoch 3 is the same whether 16 batches were drawn before it, or
none; a resumed run asks for the batch it stopped at.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
import torch

from bench.base import distributed
from bench.data.catalog import DataInfo
from bench.data.images import Images
from bench.data.split import stratified
from bench.data.transforms import by_channel, by_image, crop_and_flip, draw_windows
from bench.errors import UserError
from bench.recipe import Photographs, Recipe
from bench.seeds import generator

if TYPE_CHECKING:
    from bench.data.folder import Folder

Part = Literal["train", "test"]
"""Which of a data set's images."""

READY = 64 * 2**20
"""Pixel values of a part of a data set up to which all its images are kept as the network sees them."""

Batch = tuple[torch.Tensor, torch.Tensor]
"""Images, normalised floating-point (n, channels, height, width), and labels, int64 (n,); on the device."""


class Batches:
    """The batches of one run.

    Random draws are made on the CPU whatever the device, so that a batch is the same on all of them.

    Args:
        images: the data set, on `device`.
        info: the facts about it.
        recipe: the protocol: batch size, augmentation, normalisation, validation split, precision.
        seed: of the run.
        device: where batches are made.
        share: which images of a batch are made, where several processes share it out. Draws are those of the whole
            batch. Evaluation is not shared out.

    Attributes:
        train_size: images trained on, without those held out for validation.
        steps_per_epoch: training batches in an epoch; the last is a partial one unless the recipe drops it.
        scoring_size: images in a scoring batch.
        classes: of the data set.
        evaluation_batch: images per batch in evaluation: it bounds memory and has no influence on results.

    Raises:
        UserError: the recipe does not fit the data set.
    """

    evaluation_batch: ClassVar[int] = 1000

    def __init__(
        self,
        images: Images,
        info: DataInfo,
        recipe: Recipe,
        seed: int,
        device: torch.device | str = "cpu",
        share: slice = slice(None),
    ) -> None:
        _check(recipe, info)
        self.share = share
        self.images, self.recipe, self.seed, self.device = images, recipe, seed, torch.device(device)
        training, held_out = _split(images.train_y, recipe.data.validation)
        self._training, self._held_out = training.to(self.device), held_out.to(self.device)
        self.train_size = len(training)
        full, rest = divmod(self.train_size, recipe.batch_size)
        self.steps_per_epoch = full + (rest > 0 and not recipe.data.drop_last)
        self.scoring_size = min(recipe.scoring.batch_size or recipe.batch_size, self.train_size)
        self._dtype = torch.float64 if recipe.precision == "fp64" else torch.float32
        self._mean = self._per_channel(recipe.data.mean or info.mean)
        self._std = self._per_channel(recipe.data.std or info.std)
        self.classes = info.classes
        self._made: dict[Part, torch.Tensor] = {}
        self._order = lru_cache(maxsize=4)(self._shuffled)  # training and scoring take turns within an epoch

    def train(self, epoch: int, index: int, *, phase: str = "train", copy: int = 0) -> Batch:
        """Batch number `index` of an epoch of training; `copy` tells soup members with an order of their own apart.

        Raises IndexError if the epoch has no such batch.
        """
        if not 0 <= index < self.steps_per_epoch:
            raise IndexError(f"batch {index} of an epoch with {self.steps_per_epoch} batches")
        chosen = self._slice(self._order("order", phase, copy, epoch), index, self.recipe.batch_size)
        return self._augmented(chosen, "augmentation", phase, copy, epoch, index)

    def scoring(self, batch: int, *keys: int | str) -> Batch:
        """Batch number `batch` of those drawn for `keys` from the training images; always a full one.

        Batches of the same keys have no image in common until the training set is used up; then it is shuffled anew.
        """
        if self.recipe.scoring.balanced:
            return self.balanced(self.scoring_size // self.classes, batch, *keys)
        again, index = divmod(batch, self.train_size // self.scoring_size)
        chosen = self._slice(self._order("scoring", *keys, again), index, self.scoring_size)
        if not self.recipe.scoring.augment:
            return self._plain("train", chosen[self.share])
        return self._augmented(chosen, "scoring augmentation", *keys, batch)

    def balanced(self, per_class: int, batch: int, *keys: int | str) -> Batch:
        """Balanced scoring batch number `batch` of those drawn for `keys`: `per_class` images of every class, in order.

        Batches of the same keys have no image in common until the smallest class is used up; then all are shuffled
        anew. Augmented where scoring batches are.

        Raises:
            UserError: a class has fewer than `per_class` training images.
        """
        sizes = self.images.train_y[self._training].bincount(minlength=self.classes)
        smallest = int(sizes.min())
        if not 1 <= per_class <= smallest:
            raise UserError(
                f"'per_class' is {per_class}, and of every class 1 to {smallest} training images can be had."
            )
        again, index = divmod(batch, smallest // per_class)
        order = self._order("balanced scoring", *keys, again)
        by_class = order[self.images.train_y[order].argsort(stable=True)]
        firsts = sizes.cumsum(0) - sizes + index * per_class
        chosen = by_class[(firsts[:, None] + torch.arange(per_class, device=self.device)).flatten()]
        if not self.recipe.scoring.augment:
            return self._plain("train", chosen[self.share])
        return self._augmented(chosen, "balanced augmentation", *keys, batch)

    def evaluation(self, split: str) -> Iterator[Batch]:
        """All images of ``test`` or ``validation`` once, in order, not augmented; the last batch may be partial."""
        part: Part
        if split == "test":
            part, chosen = "test", torch.arange(len(self.images.test_y), device=self.device)
        elif split == "validation" and len(self._held_out):
            part, chosen = "train", self._held_out
        else:
            raise ValueError(f"there is no split '{split}' under recipe '{self.recipe.name}'")
        yield from self._in_order(part, torch.split(chosen, self.evaluation_batch))

    def close(self) -> None:
        """End what the batches needed; there is nothing to end for a data set in memory."""

    def _shuffled(self, purpose: str, *keys: int | str) -> torch.Tensor:
        order = torch.randperm(self.train_size, generator=generator("cpu", self.seed, purpose, *keys))
        return self._training[order.to(self.device)]

    @staticmethod
    def _slice(order: torch.Tensor, index: int, size: int) -> torch.Tensor:
        return order[index * size : (index + 1) * size]

    def _augmented(self, chosen: torch.Tensor, purpose: str, *keys: int | str) -> Batch:
        """Training images with random crops and flips; all draws are made, whichever of them the recipe uses."""
        data, count = self.recipe.data, len(chosen)
        if not data.augments:
            return self._plain("train", chosen[self.share])
        drawn = generator("cpu", self.seed, purpose, *keys)
        size = (int(self.images.train_x.shape[2]), int(self.images.train_x.shape[3]))
        windows = draw_windows(count, size, data, drawn)[:, self.share]
        flips = (torch.randint(2, (count,), generator=drawn).bool() & data.flip)[self.share]
        chosen = chosen[self.share]
        whole = self.images.train_x.index_select(0, chosen)
        pixels = crop_and_flip(whole, windows.to(self.device), flips.to(self.device), data)
        return self._finished(pixels, whole), self.images.train_y[chosen]

    def _in_order(self, part: Part, pieces: Sequence[torch.Tensor]) -> Iterator[Batch]:
        for chosen in pieces:
            yield self._plain(part, chosen)

    def _plain(self, part: Part, chosen: torch.Tensor) -> Batch:
        if (ready := self._ready(part)) is not None:
            return self._in_format(ready.index_select(0, chosen)), self._labels(part)[chosen]
        pixels = self._pixels(part).index_select(0, chosen)
        return self._finished(pixels, pixels), self._labels(part)[chosen]

    def _ready(self, part: Part) -> torch.Tensor | None:
        """All images of a part as the network sees them, where every epoch sees the same and they take little memory.

        For a small network, making a batch anew would take a sixth of a step.
        """
        data, pixels = self.recipe.data, self._pixels(part)
        if data.augments or data.normalise not in ("channel", "none") or pixels.numel() > READY:
            return None
        if part not in self._made:
            self._made[part] = self._normalised(pixels, pixels)
        return self._made[part]

    def _pixels(self, part: Part) -> torch.Tensor:
        return self.images.train_x if part == "train" else self.images.test_x

    def _labels(self, part: Part) -> torch.Tensor:
        return self.images.train_y if part == "train" else self.images.test_y

    def _finished(self, pixels: torch.Tensor, whole: torch.Tensor) -> torch.Tensor:
        """From uint8 to what the network sees; `whole` are the images before they were cropped."""
        # The format last, because arithmetic by channel is several times slower where channels are innermost.
        return self._in_format(self._normalised(pixels, whole))

    def _normalised(self, pixels: torch.Tensor, whole: torch.Tensor) -> torch.Tensor:
        images = pixels.to(self._dtype).div_(255)
        if self.recipe.data.normalise == "channel":
            images = by_channel(images, self._mean, self._std)
        elif self.recipe.data.normalise == "image":
            images = by_image(images)
        elif self.recipe.data.normalise == "whole_image":
            images = by_image(images, whole.to(self._dtype).div_(255))
        return images

    def _in_format(self, images: torch.Tensor) -> torch.Tensor:
        return images.contiguous(memory_format=torch.channels_last) if self.recipe.channels_last else images

    def _per_channel(self, values: tuple[float, ...]) -> torch.Tensor:
        return torch.tensor(values, dtype=self._dtype, device=self.device).view(1, -1, 1, 1)


def split(batch: Batch, parts: int) -> Iterator[Batch]:
    """Consecutive parts of a batch, as even as can be, later ones larger; of each, this process's share.

    Args:
        batch: this process's share of a batch.
        parts: how many there are to be.

    Raises:
        UserError: there are not as many images, in each process.
    """
    if parts == 1:
        yield batch
        return
    images, labels = batch
    size = distributed.total(len(images))
    most = size // distributed.ranks()
    if not 1 <= parts <= most:
        raise UserError(f"'parts' is {parts}, and a scoring batch of {size} images has 1 to {most}.")
    ends = [len(range(size * part // parts)[distributed.share()]) for part in range(parts + 1)]
    for begin, end in pairwise(ends):
        yield images[begin:end], labels[begin:end]


def _split(labels: torch.Tensor, held_out: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Indices to train on and to hold out: the same for every seed, and stratified."""
    if not held_out:
        return torch.arange(len(labels)), torch.arange(0)
    classes = labels.cpu().numpy()
    validation = stratified(classes, held_out, "validation")
    return torch.from_numpy(np.setdiff1d(np.arange(len(classes)), validation)), torch.from_numpy(validation)


def _check(recipe: Recipe, info: DataInfo) -> None:
    """Raise `UserError` where the recipe asks for what the data set can't give."""
    data, where = recipe.data, f"recipe '{recipe.name}' with data set '{info.name}'"
    if not info.folder and data.photographs != Photographs():
        raise UserError(f"{where}: field 'data.photographs' is for image folders, and this data set is none.")
    for field, values in (("mean", data.mean), ("std", data.std)):
        if values is not None and len(values) != info.channels:
            raise UserError(f"{where}: field 'data.{field}' has {len(values)} values for {info.channels} channels.")
    smallest = min(info.height, info.width)
    if data.padding_mode == "reflect" and data.crop_padding >= smallest:
        raise UserError(f"{where}: field 'data.crop_padding': {data.crop_padding} is not below {smallest} to reflect.")
    if data.padding_mode == "symmetric" and data.crop_padding > smallest:
        raise UserError(f"{where}: field 'data.crop_padding': {data.crop_padding} is more than {smallest} to mirror.")
    scored = recipe.scoring.batch_size or recipe.batch_size
    if recipe.scoring.balanced and scored % info.classes:
        raise UserError(
            f"{where}: field 'scoring.balanced': batches of {scored} images are no multiple of {info.classes} classes."
        )
    last = 0 if data.drop_last else max(info.train_images - data.validation, 0) % recipe.batch_size
    if (smallest := min(recipe.batch_size, last or recipe.batch_size, scored)) < recipe.gpus:
        raise UserError(f"{where}: field 'gpus': {recipe.gpus} GPUs can't share a batch of {smallest} images.")
    left, at_least = info.train_images - data.validation, recipe.batch_size if data.drop_last else 1
    if left < at_least:
        raise UserError(
            f"{where}: field 'data.validation': {data.validation} leaves {max(left, 0)} of {info.train_images} images "
            f"to train on, and at least {at_least} must be left."
        )


def batches_of(
    images: Images | Folder,
    info: DataInfo,
    recipe: Recipe,
    seed: int,
    device: torch.device | str = "cpu",
    share: slice = slice(None),
    workers: int = 0,
) -> Batches:
    """The batches of what `bench.data.load` opened; `workers` processes decode the photographs of an image folder."""
    if isinstance(images, Images):
        return Batches(images, info, recipe, seed, device, share)
    from bench.data.folder_batches import FolderBatches  # which builds on this module

    return FolderBatches(images, info, recipe, seed, device, share, workers)

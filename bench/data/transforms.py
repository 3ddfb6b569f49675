"""What happens to a batch of images on the device: crop and flip by indexing, then normalisation."""

from __future__ import annotations

import math

import torch

from bench.recipe import Data

ATTEMPTS = 10
"""To draw a crop that fits into the image, before the centre is taken."""

RATIOS = (3 / 4, 4 / 3)
"""Of width to height, of crops that are scaled up."""

BITS = 22
"""Of Pillow's weights of pixels, which are whole numbers."""


def draw_windows(count: int, size: tuple[int, int], data: Data, drawn: torch.Generator) -> torch.Tensor:
    """Random windows, int64, a column for each image: row and column of the upper left corner in the padded image.

    With `resized_crop` height and width follow. They are drawn as torchvision's ``RandomResizedCrop`` does it, area and
    logarithm of the ratio uniformly until the window fits into `size` (height, width).
    """
    if data.resized_crop is None:
        return torch.randint(2 * data.crop_padding + 1, (2, count), generator=drawn)
    (height, width), (low, high), logs = size, data.resized_crop, [math.log(ratio) for ratio in RATIOS]
    numbers = torch.rand(ATTEMPTS + 1, 2, count, generator=drawn, dtype=torch.float64)
    shares, places = numbers[:ATTEMPTS], numbers[ATTEMPTS]
    areas = height * width * (low + (high - low) * shares[:, 0])
    ratios = (logs[0] + (logs[1] - logs[0]) * shares[:, 1]).exp()
    sides = torch.stack([(areas / ratios).sqrt(), (areas * ratios).sqrt()]).round().long()  # (2, ATTEMPTS, count)
    limits = torch.tensor([[height], [width]])
    fits = ((sides > 0) & (sides <= limits[:, None])).all(0)
    first = fits.int().argmax(0).expand(2, 1, count)
    whole = torch.tensor([[min(height, round(width / RATIOS[0]))], [min(width, round(height * RATIOS[1]))]])
    found = fits.any(0)
    chosen = torch.where(found, sides.gather(1, first)[:, 0], whole)
    room = limits - chosen
    corners = torch.where(found, (places * (room + 1)).long(), room // 2)
    return torch.cat([corners, chosen])


def crop_and_flip(images: torch.Tensor, windows: torch.Tensor, flips: torch.Tensor, data: Data) -> torch.Tensor:
    """Cut a window out of every image, padded or not, and mirror some of the windows.

    Args:
        images: uint8, (n, channels, height, width).
        windows: int64, (2, n) or (4, n), see `draw_windows`.
        flips: bool, (n,): which windows to mirror from left to right.
        data: with `crop_padding` and `padding_mode`, or with `resized_crop`.
    """
    if data.resized_crop is None:
        return _padded_crop(images, windows, flips, data)
    top, left, height, width = windows
    wide = _stretched(images, left, width)  # across, then down, each rounded: as Pillow does it
    found = _stretched(wide.transpose(2, 3), top, height).transpose(2, 3)
    return torch.where(flips[:, None, None, None], found.flip(3), found)


def _stretched(images: torch.Tensor, starts: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    """Stretches of each image's rows scaled up to their full length, linearly, in whole numbers as Pillow does it."""
    n, channels, rows, size = images.shape
    position = (torch.arange(size, device=images.device, dtype=torch.float64) + 0.5) * lengths[:, None] / size - 0.5
    last = lengths[:, None] - 1
    lower = position.floor().clamp(min=0).long()
    upper = (position.floor().long() + 1).clamp(min=0).minimum(last)
    weight = ((position - lower).clamp(0, 1) * 2**BITS + 0.5).long()[:, None, None]

    def pixels(index: torch.Tensor) -> torch.Tensor:
        return images.gather(3, (index + starts[:, None])[:, None, None].expand(n, channels, rows, size)).long()

    mixed = pixels(lower) * (2**BITS - weight) + pixels(upper) * weight
    found: torch.Tensor = (mixed + 2 ** (BITS - 1)) >> BITS
    return found.to(torch.uint8)


def _padded_crop(images: torch.Tensor, corners: torch.Tensor, flips: torch.Tensor, data: Data) -> torch.Tensor:
    """Pad every image, cut a window of the old size out of it, and mirror some of the windows.

    As in torchvision's usual pipeline, padding comes before normalisation: zeros are black, not the mean colour.
    Source pixels are looked up one by one, so nothing is padded in memory and CUDA stays deterministic.
    """
    n, channels, height, width = images.shape
    steps = torch.arange(width, device=images.device).expand(n, width)
    rows = torch.arange(height, device=images.device) + corners[0][:, None] - data.crop_padding
    columns = torch.where(flips[:, None], width - 1 - steps, steps) + corners[1][:, None] - data.crop_padding
    if data.padding_mode != "zeros":
        mirror = _reflected if data.padding_mode == "reflect" else _symmetric
        rows, columns = mirror(rows, height), mirror(columns, width)
    inside = _within(rows, height)[:, :, None] & _within(columns, width)[:, None, :]
    source = rows.clamp(0, height - 1)[:, :, None] * width + columns.clamp(0, width - 1)[:, None, :]
    source = source.flatten(1)[:, None].expand(n, channels, height * width)
    return images.flatten(2).gather(2, source).view_as(images) * inside[:, None]


def _reflected(position: torch.Tensor, size: int) -> torch.Tensor:
    """Positions outside [0, size) mirrored at the outermost pixels, which are not repeated."""
    last = size - 1
    return last - (last - position.abs()).abs()


def _symmetric(position: torch.Tensor, size: int) -> torch.Tensor:
    """Positions outside [0, size) mirrored at the border, so that the outermost pixels are repeated."""
    inner = torch.where(position < 0, -1 - position, position)
    return torch.where(inner >= size, 2 * size - 1 - inner, inner)


def _within(position: torch.Tensor, size: int) -> torch.Tensor:
    return (position >= 0) & (position < size)


def by_channel(images: torch.Tensor, mean: torch.Tensor, std: torch.Tensor) -> torch.Tensor:
    """Subtract the mean and divide by the standard deviation of each channel, both of shape (1, channels, 1, 1).

    Works in place on floating-point images in [0, 1]; the operations and their order are torchvision's.
    """
    return images.sub_(mean).div_(std)


def by_image(images: torch.Tensor, whole: torch.Tensor | None = None) -> torch.Tensor:
    """Give every image mean 0 and standard deviation 1 over its own pixels and channels.

    As in TensorFlow's `per_image_standardization`: the population's deviation, and at least 1 / √(number of values),
    so that a uniform image becomes 0. `images` are floating-point in [0, 1], (n, channels, height, width); `whole`,
    if given, are the images whose mean and deviation count, those before a crop.
    """
    whole = images if whole is None else whole
    mean = whole.mean((1, 2, 3), keepdim=True)
    std = (whole - mean).square().mean((1, 2, 3), keepdim=True).sqrt()
    return (images - mean).div_(std.clamp(min=images[0].numel() ** -0.5))

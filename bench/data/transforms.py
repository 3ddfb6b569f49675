"""What happens to a batch of images on the device: crop and flip by indexing, then normalisation."""

from __future__ import annotations

import torch

from bench.recipe import Data


def crop_and_flip(images: torch.Tensor, corners: torch.Tensor, flips: torch.Tensor, data: Data) -> torch.Tensor:
    """Pad every image, cut a window of the old size out of it, and mirror some of the windows.

    As in torchvision's usual pipeline, padding comes before normalisation: zeros are black, not the mean colour.
    Source pixels are looked up one by one, so nothing is padded in memory and CUDA stays deterministic.

    Args:
        images: uint8, (n, channels, height, width).
        corners: int64, (2, n): row and column of the window's upper left corner in the padded image.
        flips: bool, (n,): which windows to mirror from left to right.
        data: with `crop_padding` and `padding_mode`.
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

"""Exact selection of the k largest of many values, with a stated rule for ties."""

from __future__ import annotations

import numpy as np
import torch

_BITS = 16
_FEW = 2**14
"""So many are sorted faster than counted."""


def largest(values: torch.Tensor, k: int, generator: torch.Generator | None = None) -> torch.Tensor:
    """The boolean mask of the `k` largest entries of a flat tensor; exactly `k` are True.

    Entries equal to the k-th largest are chosen by a random permutation drawn from `generator` (choosing by index
    would favour early layers), or by index if it is None. The threshold comes from numpy's partition on the CPU,
    elsewhere from histograms over the bits of the numbers; both are exact, and many times faster than sorting.

    Args:
        values: flat float32 or float64 tensor without NaN.
        k: how many to keep, from 0 to the number of values.
        generator: a generator on the values' device.
    """
    if not 0 <= k <= values.numel():
        raise ValueError(f"cannot keep {k} of {values.numel()} values")
    if k == 0:
        return torch.zeros_like(values, dtype=torch.bool)
    if k == values.numel():
        return torch.ones_like(values, dtype=torch.bool)
    values = values.detach() if values.dtype == torch.float64 else values.detach().float()
    threshold = _by_partition(values, k) if values.device.type == "cpu" else _by_histograms(values, k)
    mask = values > threshold
    missing = k - int(mask.sum())
    ties = (values == threshold).nonzero().flatten()
    if generator is not None and missing < len(ties):
        ties = ties[torch.randperm(len(ties), generator=generator, device=values.device)]
    mask[ties[:missing]] = True
    return mask


def _by_partition(values: torch.Tensor, k: int) -> torch.Tensor:
    """The k-th largest value, 0-d."""
    numbers = values.numpy()
    above = numbers.compress(numbers > 0)
    numbers = above if len(above) >= k else numbers  # a partition is slow among many equal values, as of pruned weights
    place = len(numbers) - k
    return torch.from_numpy(np.partition(numbers, place)[place : place + 1])[0]


def _by_histograms(values: torch.Tensor, k: int) -> torch.Tensor:
    """The same, found 16 bits at a time from the top, until few that share the digits so far are left to sort."""
    shift = values.element_size() * 8
    while len(values) > _FEW and shift:
        shift -= _BITS
        digits = _digits(values, shift)
        from_top = torch.bincount(digits, minlength=1 << _BITS).flip(0).cumsum(0)
        place = int((from_top < k).sum())
        k -= int(from_top[place - 1]) if place else 0
        values = values[digits == (1 << _BITS) - 1 - place]
    if not shift:
        return values[0]  # all bits are looked at: what is left is all the same
    return values.sort(descending=True).values[k - 1]


def _digits(values: torch.Tensor, shift: int) -> torch.Tensor:
    """The 16 bits above the lowest `shift` of each value's key, from 0: the top ones, with the sign, are shifted up."""
    keys = _ordered_bits(values)
    digits = keys >> shift
    top = shift + _BITS == torch.iinfo(keys.dtype).bits
    return digits + (1 << (_BITS - 1)) if top else digits & ((1 << _BITS) - 1)


def _ordered_bits(values: torch.Tensor) -> torch.Tensor:
    """Integers in the same order as the floats: for negative numbers all bits but the sign are flipped."""
    bits = (values + 0.0).view(torch.int32 if values.dtype == torch.float32 else torch.int64)  # −0 becomes 0: they tie
    return bits ^ ((bits >> (torch.iinfo(bits.dtype).bits - 1)) & torch.iinfo(bits.dtype).max)

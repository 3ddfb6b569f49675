"""Exact selection of the k largest of many values, with a stated rule for ties."""

from __future__ import annotations

import torch

_BITS = 16


def largest(values: torch.Tensor, k: int, generator: torch.Generator | None = None) -> torch.Tensor:
    """The boolean mask of the `k` largest entries of a flat tensor; exactly `k` are True.

    Entries equal to the k-th largest are chosen by a random permutation drawn from `generator` (choosing by index
    would favour early layers), or by index if it is None. The threshold comes from histograms over the bits of the
    numbers, which is exact and several times faster than sorting.

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
    keys = _ordered_bits(values)
    threshold = _kth_largest(keys, k)
    mask = keys > threshold
    ties = (keys == threshold).nonzero().flatten()
    missing = k - int(mask.sum())
    if generator is not None and missing < len(ties):
        ties = ties[torch.randperm(len(ties), generator=generator, device=values.device)]
    mask[ties[:missing]] = True
    return mask


def _ordered_bits(values: torch.Tensor) -> torch.Tensor:
    """Integers in the same order as the floats: for negative numbers all bits but the sign are flipped."""
    values = values.detach().contiguous() + 0.0  # −0 becomes 0, so the two tie
    if values.dtype == torch.float64:
        bits = values.view(torch.int64)
        return torch.where(bits < 0, bits ^ 0x7FFFFFFFFFFFFFFF, bits)
    bits = values.float().view(torch.int32)
    return torch.where(bits < 0, bits ^ 0x7FFFFFFF, bits)


def _kth_largest(keys: torch.Tensor, k: int) -> int:
    """The k-th largest key, found 16 bits at a time from the top (the first digit is signed)."""
    shift = torch.iinfo(keys.dtype).bits - _BITS
    found = 0
    while True:
        digits = keys >> shift
        first = shift == torch.iinfo(keys.dtype).bits - _BITS
        digits = digits + (1 << (_BITS - 1)) if first else digits & ((1 << _BITS) - 1)
        counts = torch.bincount(digits, minlength=1 << _BITS)
        from_top = counts.flip(0).cumsum(0)
        place = int((from_top < k).sum())
        digit = (1 << _BITS) - 1 - place
        k -= int(from_top[place - 1]) if place else 0
        found |= (digit - (1 << (_BITS - 1)) if first else digit) << shift
        if shift == 0:
            return found
        keys = keys[digits == digit]
        shift -= _BITS

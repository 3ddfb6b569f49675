"""Named tensors with arithmetic, so that a saliency reads like its formula."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch


class NamedTensors(dict[str, torch.Tensor]):
    """A dict from parameter name to tensor, on which ``+ − * / **`` and ``abs()`` act tensor by tensor.

    The other operand is a number or `NamedTensors` with the same names in the same order. All operations are
    `torch._foreach_*`, which fuses them on a GPU.
    """

    def _map(self, function: Callable[..., Iterable[torch.Tensor]], *others: Any) -> NamedTensors:
        values = [other.tensors() if isinstance(other, NamedTensors) else other for other in others]
        return NamedTensors(zip(self, function(self.tensors(), *values), strict=True))

    def tensors(self) -> list[torch.Tensor]:
        """The tensors, in order."""
        return list(self.values())

    def __add__(self, other: NamedTensors | float) -> NamedTensors:
        return self._map(torch._foreach_add, other)

    def __sub__(self, other: NamedTensors | float) -> NamedTensors:
        return self._map(torch._foreach_sub, other)

    def __mul__(self, other: NamedTensors | float) -> NamedTensors:
        return self._map(torch._foreach_mul, other)

    def __truediv__(self, other: NamedTensors | float) -> NamedTensors:
        return self._map(torch._foreach_div, other)

    def __pow__(self, exponent: float) -> NamedTensors:
        return self._map(torch._foreach_pow, exponent)

    def __neg__(self) -> NamedTensors:
        return self._map(torch._foreach_neg)

    def abs(self) -> NamedTensors:
        """Absolute values."""
        return self._map(torch._foreach_abs)

    def sign(self) -> NamedTensors:
        """1, 0 or −1."""
        return self._map(torch._foreach_sign)

    def clone(self) -> NamedTensors:
        """A copy with storage of its own."""
        return self * 1  # the same bits by one operator; torch 2.11 has no `_foreach_clone`

    def sum(self) -> torch.Tensor:
        """The sum over all entries, a 0-d tensor."""
        return torch.stack([tensor.sum() for tensor in self.values()]).sum()

    def copy_(self, other: NamedTensors) -> None:
        """Overwrite every tensor in place."""
        torch._foreach_copy_(self.tensors(), other.tensors())


def to_bytes(tensor: torch.Tensor) -> bytes:
    """The bits of a tensor's values in the order of its dimensions, whatever its memory format and device."""
    return tensor.detach().cpu().reshape(-1).view(torch.uint8).numpy().tobytes()

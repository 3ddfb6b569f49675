"""What is removed together: single weights, N of every M, whole filters."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from bench.base.grouping import grouped
from bench.errors import UserError

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Weights:
    """Every weight is a unit of its own (unstructured pruning)."""

    def units(self, shape: tuple[int, ...]) -> int:
        """Number of units in a tensor of this shape."""
        return math.prod(shape)

    def pool(self, saliency: torch.Tensor) -> torch.Tensor:
        """The saliency of each unit, flat."""
        return saliency.flatten()

    def spread(self, units: torch.Tensor, shape: torch.Size) -> torch.Tensor:
        """The mask of the tensor, from the mask of its units."""
        return units.view(shape)


@dataclass(frozen=True)
class Filters(Weights):
    """A unit is an output filter: its weights, its bias, and scale and shift of the batch norm behind it.

    A filter's saliency is the mean over its weights, so layers with larger kernels are not favoured.
    """

    def units(self, shape: tuple[int, ...]) -> int:
        """Number of filters."""
        return shape[0]

    def pool(self, saliency: torch.Tensor) -> torch.Tensor:
        """Mean saliency of each filter, shape (out,)."""
        return saliency.flatten(1).mean(1)

    def spread(self, units: torch.Tensor, shape: torch.Size) -> torch.Tensor:
        """Each filter's mask over all its weights."""
        return units.view(-1, *[1] * (len(shape) - 1)).expand(shape)


@dataclass(frozen=True)
class NM(Weights):
    """At most `n` of every `m` consecutive input weights are kept, so sparsity is 1 − n/m in every layer.

    Groups run along the input dimension (channels first, then the kernel, as in (out, in·kh·kw)).

    Attributes:
        n, m: how many stay, of how many.
    """

    n: int = 2
    m: int = 4
    bounds: ClassVar[dict[str, str]] = {"n": "[1, 1024]", "m": "[1, 1024]"}

    def __post_init__(self) -> None:
        if self.n > self.m:
            raise UserError(f"the structure keeps {self.n} of every {self.m} weights; 'n' is at most 'm'.")

    def select(self, saliency: torch.Tensor) -> torch.Tensor:
        """The boolean mask that keeps the n largest of every group; ties go to the earlier index."""
        rows = saliency.flatten(1)
        if rows.shape[1] % self.m:
            raise UserError(f"a tensor with {rows.shape[1]} inputs per output can't be split into groups of {self.m}.")
        groups = rows.view(-1, self.m)
        order = groups.argsort(dim=1, descending=True, stable=True)[:, : self.n]
        return groups.new_zeros(groups.shape).scatter(1, order, 1).bool().view(saliency.shape)


def check_filters(model: torch.nn.Module, names: list[str], method: str) -> None:
    """Raise a `UserError` unless every one of these weights has its filters one after another, and one layer's alone.

    Args:
        model: the network.
        names: of the weights that a method prunes by whole filters.
        method: its name.
    """
    from torch.nn.modules.conv import _ConvTransposeNd

    owners = grouped((id(each), module) for module in model.modules() for each in module._parameters.values())
    named = dict(model.named_parameters(remove_duplicate=False))
    for name in names:
        layer, _, leaf = name.rpartition(".")
        own = [id(named[each]) for each in (name, f"{layer}.bias") if each in named]
        wrong = ""
        if leaf != "weight":
            wrong = "holds several projections of attention"
        elif any(len(owners[each]) > 1 for each in own) or owners[own[0]] != [model.get_submodule(layer)]:
            wrong = "has values in common with another layer"
        elif isinstance(owners[own[0]][0], _ConvTransposeNd):
            wrong = "is a transposed convolution's, in which filters are no rows"
        if wrong:
            raise UserError(
                f"method '{method}' removes whole filters, and '{name}' {wrong}; take it out of 'prunable'."
            )

"""How the target sparsity is divided over the layers.

An allocation splits the prunable tensors into groups and says how many units of each are kept; within a group the
saliencies decide. Units are weights, or filters under that structure. Everything here is exact integer bookkeeping.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import ClassVar, Literal

Shapes = Mapping[str, tuple[int, ...]]

HALVINGS = 60
"""Of an interval, after which its ends are neighbouring floating-point numbers, or nearly so."""

DIGITS = 6
"""Counts are rounded to so many decimals before a floor or ceiling is taken: 0.1 · 1000 are 100, not 99.99…"""


@dataclass(frozen=True)
class Group:
    """Tensors that compete with each other, and how many of their units are kept."""

    names: tuple[str, ...]
    keep: int


@dataclass(frozen=True, repr=False)
class Allocation:
    """The base; subclasses say what fraction of each layer's units is kept.

    Attributes:
        rounding: how a group's count of kept units becomes whole. ``nearest``; ``down``, for code that keeps
            ``int(m · k)`` units or removes ``ceil(m · s)``, where at least one unit stays; ``up``, for code that
            removes ``int(m · s)``.
    """

    rounding: Literal["nearest", "down", "up"] = field(default="nearest", kw_only=True)

    def __repr__(self) -> str:
        """As dataclasses write it, without the rounding where it is the usual one."""
        shown = [f for f in fields(self) if f.name != "rounding" or self.rounding != f.default]
        return f"{type(self).__name__}({', '.join(f'{f.name}={getattr(self, f.name)!r}' for f in shown)})"

    def whole(self, count: float) -> int:
        """A number of kept units, rounded as `rounding` says."""
        if self.rounding == "nearest":
            return round(count)
        count = round(count, DIGITS)
        return math.ceil(count) if self.rounding == "up" else max(math.floor(count), min(math.ceil(count), 1))

    def groups(self, shapes: Shapes, units: Mapping[str, int], sparsity: float) -> list[Group]:
        """One group per layer, each keeping units · density of them, a whole number.

        Args:
            shapes: of the prunable tensors, (out, in, kh, kw) or (out, in), in the model's order.
            units: number of units in each.
            sparsity: target over all prunable units, in [0, 1).
        """
        densities = self.densities(shapes, units, sparsity)
        return [Group((name,), self.whole(units[name] * densities[name])) for name in shapes]

    def densities(self, shapes: Shapes, units: Mapping[str, int], sparsity: float) -> dict[str, float]:
        """The fraction kept in each layer."""
        raise NotImplementedError


@dataclass(frozen=True, repr=False)
class Global(Allocation):
    """One ranking over all layers together; the densities come out of the saliencies."""

    def groups(self, shapes: Shapes, units: Mapping[str, int], sparsity: float) -> list[Group]:
        """A single group."""
        return [Group(tuple(shapes), self.whole(sum(units.values()) * (1 - sparsity)))]


@dataclass(frozen=True, repr=False)
class Uniform(Allocation):
    """The same sparsity in every layer.

    Attributes:
        dense_first: whether the first layer stays dense and the others get the target, as "uniform" means in the RigL
            paper.
    """

    dense_first: bool = False

    def densities(self, shapes: Shapes, units: Mapping[str, int], sparsity: float) -> dict[str, float]:
        """1 − sparsity everywhere, 1 for the first layer if it stays dense."""
        return {name: 1.0 if self.dense_first and index == 0 else 1 - sparsity for index, name in enumerate(shapes)}


@dataclass(frozen=True, repr=False)
class UniformPlus(Allocation):
    """The "uniform+" of the code of random pruning (Liu et al. 2022, arXiv:2202.02643; sparselearning/core.py).

    The first layer stays dense. Where the density d falls below `last`, the last layer keeps that fraction, and each
    other one (d · N − f − last · n) / N, with N weights in all, f in the first and n in the last layer: a little less
    than the target in all. From `last` on every other layer has d, a little more in all.

    Attributes:
        last: the smallest fraction of the last layer that is kept.
    """

    last: float = 0.2
    bounds: ClassVar[dict[str, str]] = {"last": "[0, 1]"}

    def densities(self, shapes: Shapes, units: Mapping[str, int], sparsity: float) -> dict[str, float]:
        """1 in the first layer, at least `last` in the last one, and the same in all others."""
        first, end = next(iter(shapes)), next(reversed(list(shapes)))
        others = last = 1 - sparsity
        if round(1 - sparsity, DIGITS) < self.last:
            total = sum(units.values())
            others = max((1 - sparsity) * total - units[first] - self.last * units[end], 0.0) / total
            last = self.last
        return {name: 1.0 if name == first else last if name == end else others for name in shapes}


@dataclass(frozen=True, repr=False)
class Smart(Allocation):
    """Smart ratios (Su et al. 2020, arXiv:2009.11094; pruner/SmartRatio.py of the authors' code): sparser with depth.

    The l-th of L layers, a convolution, keeps a fraction proportional to k² + k with k = L − l + 1, scaled to meet the
    target with what linear layers keep. Where that is more than all, the layer is dense and the next ones get the rest.
    The code's counts are ``Smart(rounding="down")``.

    Attributes:
        linear: the fraction of each linear layer that is kept.
        vgg: whether fractions are divided by l², as in the code for networks that are no ResNets.
    """

    linear: float = 0.3
    vgg: bool = False
    bounds: ClassVar[dict[str, str]] = {"linear": "[0, 1]"}

    def densities(self, shapes: Shapes, units: Mapping[str, int], sparsity: float) -> dict[str, float]:
        """`linear` in matrices, a share that falls with depth in all other tensors; 1 everywhere at a target of 0."""
        if not sparsity:
            return dict.fromkeys(shapes, 1.0)
        found = {name: self.linear for name, shape in shapes.items() if len(shape) == 2}
        shares = {
            name: ((k := len(shapes) - index) ** 2 + k) / ((index + 1) ** 2 if self.vgg else 1)
            for index, name in enumerate(shapes)
            if name not in found
        }
        budget = (1 - sparsity) * sum(units.values()) - sum(self.linear * units[name] for name in found)
        scale = max(budget, 0.0) / max(sum(shares[name] * units[name] for name in shares), 1)
        left = 0.0
        for name, share in shares.items():
            wanted = scale * share * units[name] + left
            found[name], left = min(wanted / units[name], 1.0), max(wanted - units[name], 0.0)
        return {name: found[name] for name in shapes}


@dataclass(frozen=True, repr=False)
class ERK(Allocation):
    """Erdős–Rényi-Kernel: density ∝ (sum of the tensor's dimensions) / (their product)  (RigL, arXiv:1911.11134, §3).

    A layer whose density would exceed 1 is made dense and the rest solved again, until none does; layers with the same
    largest raw value are made dense together, as in the authors' code.
    """

    def densities(self, shapes: Shapes, units: Mapping[str, int], sparsity: float) -> dict[str, float]:
        """The capped solution of Σ density·units = (1 − sparsity)·Σ units."""
        raw = {name: self._raw(shape) for name, shape in shapes.items()}
        dense: set[str] = set()
        while True:
            free = [name for name in shapes if name not in dense]
            if not free:
                return dict.fromkeys(shapes, 1.0)
            budget = (1 - sparsity) * sum(units.values()) - sum(units[name] for name in dense)
            scale = budget / sum(raw[name] * units[name] for name in free)
            largest = max(raw[name] for name in free)
            if scale * largest <= 1:
                return {name: 1.0 if name in dense else scale * raw[name] for name in shapes}
            dense |= {name for name in free if raw[name] == largest}

    def _raw(self, shape: tuple[int, ...]) -> float:
        return sum(shape) / math.prod(shape)


@dataclass(frozen=True, repr=False)
class ER(ERK):
    """Erdős–Rényi: the same with the kernel left out, density ∝ (out + in) / (out · in)  (SET, arXiv:1707.04780)."""

    def _raw(self, shape: tuple[int, ...]) -> float:
        return (shape[0] + shape[1]) / (shape[0] * shape[1])


@dataclass(frozen=True, repr=False)
class ERDraws(ER):
    """Erdős–Rényi as SET's code on sparse matrices draws it: ε (out + in) positions of a layer, with replacement.

    A position that is drawn again is no further weight, so the expected density is 1 − exp(−ε (out + in) / (out · in))
    and no layer becomes dense. ε is the one that meets the target over all layers.
    """

    def densities(self, shapes: Shapes, units: Mapping[str, int], sparsity: float) -> dict[str, float]:
        """The solution of Σ density·units = (1 − sparsity)·Σ units, by halving an interval of ε."""
        if not sparsity:
            return dict.fromkeys(shapes, 1.0)
        raw = {name: self._raw(shape) for name, shape in shapes.items()}
        budget = (1 - sparsity) * sum(units.values())
        low, high = 0.0, -math.log(sparsity) / min(raw.values())  # there even the sparsest layer has the target's
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            enough = sum(-math.expm1(-middle * raw[name]) * units[name] for name in shapes) >= budget
            low, high = (low, middle) if enough else (middle, high)
        return {name: -math.expm1(-high * raw[name]) for name in shapes}


def proportional(total: int, shares: Mapping[str, float], room: Mapping[str, int]) -> dict[str, int]:
    """Split `total` units in proportion to `shares`, no layer above its `room`; what overflows goes to the others.

    The counts sum to `total` exactly (or to all the room there is): remainders are given to the largest fractions,
    earlier layers first. If the shares of all layers that have room left are 0, these share equally.
    """
    total = min(total, sum(room.values()))
    given: dict[str, int] = {}
    while True:
        free = [name for name in shares if name not in given]
        weights = {name: shares[name] for name in free}
        if not sum(weights.values()):
            weights = dict.fromkeys(free, 1.0)
        left, scale = total - sum(given.values()), sum(weights.values())
        ideal = {name: left * weight / scale for name, weight in weights.items()}
        full = [name for name in free if ideal[name] > room[name]]
        if not full:
            break
        given |= {name: room[name] for name in full}
    given |= {name: int(value) for name, value in ideal.items()}
    for name in sorted(free, key=lambda name: int(ideal[name]) - ideal[name])[: total - sum(given.values())]:
        given[name] += 1
    return {name: given[name] for name in shares}

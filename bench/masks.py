"""The masks of a run: 0/1 tensors that are changed in place, always to an exact count."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping

import torch

from bench.allocation import Allocation, Group, proportional
from bench.errors import Collapsed, UserError
from bench.selection import largest
from bench.structure import NM, Weights
from bench.tensors import NamedTensors

Ties = Callable[[], torch.Generator]


class Masks(NamedTensors):
    """One mask per prunable tensor, of its shape and dtype; 1 keeps a weight.

    Args:
        weights: the prunable tensors.
        allocation, structure: the method's, applied by `keep`.
        ties: returns a fresh, seeded generator for each selection; None breaks ties by index.

    Attributes:
        pinned: boolean, by tensor name: weights that are always kept, whatever their score (those of a sparser level,
            say). Counts stay exact: what is pinned takes places of others.
    """

    def __init__(
        self,
        weights: Mapping[str, torch.Tensor],
        allocation: Allocation,
        structure: Weights,
        ties: Ties | None = None,
    ) -> None:
        super().__init__({name: torch.ones_like(weight) for name, weight in weights.items()})
        self._allocation, self._structure, self._ties = allocation, structure, ties
        self.groups: list[Group] = []
        self.pinned: Mapping[str, torch.Tensor] = {}
        self._spared: dict[str, int] = {}

    def keep(
        self,
        saliency: Mapping[str, torch.Tensor],
        sparsity: float,
        *,
        target: float | None = None,
        allocation: Allocation | None = None,
    ) -> None:
        """Keep the weights of largest saliency at the given sparsity; what was pruned before may come back.

        `allocation` stands in for the method's: where to begin, say, if weights move between layers later. Its counts
        are rounded such that their total is that of the method's allocation.

        Raises `Collapsed` if the saliencies do not single out as many weights as are to be kept: an exact zero or a
        non-finite threshold would keep or drop weights arbitrarily. Where some saliencies are negative, zero is no
        sign of that.

        On the way to a higher `target` (in rounds, with the method's saliencies of that moment), weights whose saliency
        is 0 go first: fewer than asked for are kept if no more are singled out, but never fewer than the target wants.
        """
        if isinstance(self._structure, NM):
            self._keep_nm(saliency, self._structure)
            return
        shapes, units = self._shapes(), self._units()
        self.groups = self._allocation.groups(shapes, units, sparsity)
        if allocation is not None:
            self.groups = _of_total(allocation.groups(shapes, units, sparsity), self.groups, units)
        if self.pinned:
            fixed = {name: int(pinned.sum()) for name, pinned in self.pinned.items()}
            self.groups = _at_least(fixed, self.groups, units)
        last = self.groups if target is None else self._allocation.groups(shapes, units, target)
        for group, final in zip(self.groups, last, strict=True):
            self._keep_group(group, final.keep, {name: self._score(name, saliency[name]) for name in group.names})

    def _score(self, name: str, saliency: torch.Tensor) -> torch.Tensor:
        """The units' saliencies, flat; what is pinned has the largest number there is."""
        self._check(name, saliency)
        if name in self.pinned:
            saliency = saliency.masked_fill(self.pinned[name], torch.finfo(saliency.dtype).max)
        return self._structure.pool(saliency)

    def _check(self, name: str, scores: torch.Tensor) -> None:
        """One score per weight: another shape of as many numbers would prune the wrong weights."""
        if scores.shape != self[name].shape:
            shapes = [" × ".join(map(str, tensor.shape)) or "a single number" for tensor in (scores, self[name])]
            raise UserError(f"the saliency of '{name}' is {shapes[0]}, its weight is {shapes[1]}.")

    def _keep_group(self, group: Group, at_least: int, scores: Mapping[str, torch.Tensor]) -> None:
        flat = torch.cat(list(scores.values()))
        if not bool(torch.isfinite(torch.stack(flat.aminmax())).all()):  # NaN is the smallest and the largest
            raise Collapsed(f"saliencies in {_named(group)} are not finite")
        usable = int(flat.count_nonzero())
        keep = max(min(group.keep, usable), at_least)
        signed = usable < keep and bool((flat < 0).any())  # then 0 is a score like any other
        if usable < keep < len(flat) and not signed:
            raise Collapsed(f"only {usable} saliencies in {_named(group)} are not 0, {keep} needed")
        chosen = largest(flat, keep, self._ties() if self._ties else None)
        parts = torch.split(chosen, [len(score) for score in scores.values()])
        for name, part in zip(scores, parts, strict=True):
            self[name].copy_(self._structure.spread(part, self[name].shape))

    def _keep_nm(self, saliency: Mapping[str, torch.Tensor], structure: NM) -> None:
        self.groups = []
        for name, mask in self.items():
            self._check(name, saliency[name])
            chosen = structure.select(saliency[name])
            mask.copy_(chosen)
            self.groups.append(Group((name,), int(chosen.sum())))

    def drop(self, lowest: Mapping[str, torch.Tensor], n: Mapping[str, int]) -> None:
        """In each layer remove the `n[name]` kept weights with the lowest score.

        Where what is pinned leaves fewer than that, fewer are removed, and the next `grow` adds as many fewer.
        """
        for name, mask in self.items():
            self._check(name, lowest[name])
            scores = lowest[name].masked_fill(mask == 0, torch.inf).flatten()
            count = n[name]
            if name in self.pinned:
                scores = scores.masked_fill(self.pinned[name].flatten(), torch.inf)
                count = min(count, int(torch.isfinite(scores).sum()))
                self._spared[name] = self._spared.get(name, 0) + n[name] - count
            chosen = largest(-scores, count, self._ties() if self._ties else None)
            mask.masked_fill_(chosen.view(mask.shape), 0)

    def grow(self, highest: Mapping[str, torch.Tensor], n: Mapping[str, int]) -> None:
        """In each layer add the `n[name]` removed positions with the highest score."""
        n, self._spared = _less(n, self._spared), {}
        for name, mask in self.items():
            self._check(name, highest[name])
            scores = highest[name].masked_fill(mask != 0, -torch.inf).flatten()
            chosen = largest(scores, n[name], self._ties() if self._ties else None)
            mask.masked_fill_(chosen.view(mask.shape), 1)

    def kept(self) -> dict[str, int]:
        """How many weights each layer keeps."""
        return {name: int(mask.count_nonzero()) for name, mask in self.items()}

    def sparsity(self) -> float:
        """The fraction of prunable weights that are masked."""
        return 1 - sum(self.kept().values()) / sum(mask.numel() for mask in self.values())

    def deviation(self, sparsity: float) -> tuple[int, str]:
        """By how many units the group that misses its target most does so, and its name."""
        units = self._units()
        if isinstance(self._structure, NM):
            ratio = self._structure.n / self._structure.m
            groups = [Group((name,), round(count * ratio)) for name, count in units.items()]
        else:
            groups = self._allocation.groups(self._shapes(), units, sparsity)
        kept = {name: count * units[name] // self[name].numel() for name, count in self.kept().items()}
        return max((abs(sum(kept[name] for name in group.names) - group.keep), _named(group)) for group in groups)

    def _shapes(self) -> dict[str, tuple[int, ...]]:
        return {name: tuple(mask.shape) for name, mask in self.items()}

    def _units(self) -> dict[str, int]:
        return {name: self._structure.units(shape) for name, shape in self._shapes().items()}

    def digest(self) -> str:
        """SHA-256 over all masks, for comparing two sets of them."""
        sha = hashlib.sha256()
        for mask in self.values():
            sha.update((mask != 0).contiguous().cpu().numpy().tobytes())
        return sha.hexdigest()


class Inverted(Masks):
    """The same masks, ranked from the other end: of what is left, the highest saliencies go first.

    The tensors are those of `masks`. What is pruned stays pruned, so that rounds go on removing.
    """

    def __init__(self, masks: Masks) -> None:
        dict.__init__(self, masks)
        vars(self).update(vars(masks))

    def keep(
        self,
        saliency: Mapping[str, torch.Tensor],
        sparsity: float,
        *,
        target: float | None = None,
        allocation: Allocation | None = None,
    ) -> None:
        """Keep the weights of lowest saliency; otherwise as `Masks.keep`."""
        if not any(bool((saliency[name] * mask != 0).any()) for name, mask in self.items()):
            raise Collapsed("no saliency of what is left differs from 0")
        last = torch.finfo(next(iter(self.values())).dtype).min
        lowest = {name: (-saliency[name]).masked_fill(mask == 0, last) for name, mask in self.items()}
        super().keep(lowest, sparsity, target=target, allocation=allocation)


def _of_total(groups: list[Group], wanted: list[Group], units: Mapping[str, int]) -> list[Group]:
    shares = {group.names[0]: float(group.keep) for group in groups}
    room = {group.names[0]: sum(units[name] for name in group.names) for group in groups}
    keep = proportional(sum(group.keep for group in wanted), shares, room)
    return [Group(group.names, keep[group.names[0]]) for group in groups]


def _at_least(fixed: Mapping[str, int], groups: list[Group], units: Mapping[str, int]) -> list[Group]:
    """Groups of the same total, each large enough for what is fixed in it."""
    floor = {group.names[0]: sum(fixed[name] for name in group.names) for group in groups}
    if all(group.keep >= floor[group.names[0]] for group in groups):
        return groups
    above = {group.names[0]: max(group.keep - floor[group.names[0]], 0.0) for group in groups}
    room = {group.names[0]: sum(units[name] for name in group.names) - floor[group.names[0]] for group in groups}
    more = proportional(max(sum(group.keep for group in groups) - sum(floor.values()), 0), above, room)
    return [Group(group.names, floor[group.names[0]] + more[group.names[0]]) for group in groups]


def _less(n: Mapping[str, int], spared: Mapping[str, int]) -> Mapping[str, int]:
    """Counts that add up to what is left of `n` without `spared`, each layer giving up its own first."""
    if not any(spared.values()):
        return n
    left = {name: max(count - spared.get(name, 0), 0) for name, count in n.items()}
    total = max(sum(n.values()) - sum(spared.values()), 0)
    return left if sum(left.values()) == total else proportional(total, {k: float(v) for k, v in left.items()}, left)


def _named(group: Group) -> str:
    return group.names[0] if len(group.names) == 1 else f"{len(group.names)} layers together"

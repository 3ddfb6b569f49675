"""What a training costs and how its masks move: noted while it goes on, worked out when somebody asks.

A host that reads a count waits for all that a GPU has still to do, and a method may change its masks in every step. So
counts of mask entries stay on the device, in order with the passes between them, until `Bookkeeping.settle` fetches all
of them at once. The sums are then those of a host that had counted every time, to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

from bench.counting.macs import TrainingMacs
from bench.masks import Masks
from bench.tensors import NamedTensors
from bench.training.tally import Tally


class Bookkeeping:
    """The entries of one stage.

    Args:
        macs: what a pass costs under the masks of its moment.
    """

    def __init__(self, macs: TrainingMacs) -> None:
        self.macs = macs
        self._sizes: dict[str, int] = {}
        self._entries: list[torch.Tensor | tuple[Callable[[int], float], int]] = []

    def trained(self, images: int) -> None:
        """Note a training step on so many images."""
        self._entries.append((self.macs.step, images))

    def scored(self, images: int) -> None:
        """Note gradients for scores on so many images."""
        self._entries.append((self.macs.scoring, images))

    def masks_are(self, masks: Masks, before: NamedTensors | None = None) -> None:
        """Note what the masks keep, and what has changed if they were others `before`."""
        self._sizes = {name: mask.numel() for name, mask in masks.items()}
        changes = masks - (masks if before is None else before)
        self._entries.append(torch.stack([*_ones(masks), *_ones(changes)]))

    def settle(self, tally: Tally) -> None:
        """Add everything noted so far to `tally`; the only moment at which the host waits."""
        counts = [entry for entry in self._entries if isinstance(entry, torch.Tensor)]
        rows = iter(torch.stack(counts).tolist() if counts else [])
        for entry in self._entries:
            if isinstance(entry, tuple):
                cost, images = entry
                tally.training_macs += cost(images)
                continue
            row = [int(count) for count in next(rows)]
            kept, changed = row[: len(self._sizes)], row[len(self._sizes) :]
            self.macs.masks_changed(dict(zip(self._sizes, kept, strict=True)))
            tally.changed += sum(changed) / sum(self._sizes.values())
        self._entries.clear()

    @contextmanager
    def open(self, tally: Tally) -> Iterator[None]:
        """A while in which things are noted; it ends with a settlement, whatever ends it."""
        try:
            yield
        finally:
            self.settle(tally)


def _ones(tensors: NamedTensors) -> tuple[torch.Tensor, ...]:
    """How many entries of each tensor are 1 or −1, the others being 0; as doubles, for floats stop counting at 2²⁴."""
    return torch._foreach_norm(tensors.tensors(), 1, dtype=torch.float64)

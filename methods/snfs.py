"""SNFS: sparse momentum."""

import math
from typing import TYPE_CHECKING

from bench.allocation import Allocation, Global, Uniform
from bench.errors import UserError
from bench.method import Method, NamedTensors, Run
from bench.schedule import Cosine, EndOfEpoch
from bench.zeros import Zeros

if TYPE_CHECKING:
    import torch

FULL = 0.99
"""The fraction of its free positions that a layer may fill in one update."""


class SNFS(Method):
    """Dettmers & Zettlemoyer 2019, arXiv:1907.04840: momentum says where weights are missing.

    Momentum is dense: pruned weights are 0 but go on collecting gradient. After every epoch each layer drops its
    smallest weights; all that was dropped is divided over the layers by the mean |momentum| of their active weights,
    and grown where |momentum| is largest. A weight that returns at once keeps its value, new ones start at 0. Shares
    are rounded up and some of them find no room, so that the total misses the target by a little; each update makes
    up for what earlier ones missed, as the official code does.

    Attributes:
        initial: allocation of the random mask at the start.
        drop: the fraction of active weights dropped, annealed by a cosine over the whole training.
        redistribute: whether weights move between layers; if false every layer grows what it dropped.
    """

    schedule = EndOfEpoch()
    allocation = Global()
    zeros = Zeros(value="zero", gradient="live", state="live")
    meaning = "about"
    initial: Allocation = Uniform()
    drop: Cosine = Cosine(0.5, 0.005)
    redistribute: bool = True

    def on_train_start(self, run: Run) -> None:
        """A random mask with an exact count in every layer."""
        run.masks.keep(run.random(), run.target, allocation=self.initial)

    def update_masks(self, run: Run) -> None:
        """Drop by magnitude, redistribute and grow by momentum; a network without zeros stays as it is."""
        if not run.masks.sparsity():
            return
        momentum = self._momentum(run).abs()
        shares = self._shares(run, momentum)
        dropped = self._drops(run, shares)
        run.masks.drop(lowest=run.weights.abs(), n=dropped)
        if not self.redistribute:
            run.masks.grow(highest=momentum, n=dropped)
            return
        stock = self._stock(run)
        total = sum(dropped.values()) + float(stock[0])
        wanted = {name: max(math.ceil(share * total), 0) for name, share in shares.items()}
        run.masks.grow(highest=momentum, n=self._grows(run, momentum, wanted))
        self._take_stock(run, stock)

    def _shares(self, run: Run, momentum: NamedTensors) -> dict[str, float]:
        """The mean |momentum| of every layer's active weights, as shares of 1."""
        kept = run.masks.kept()
        means = {name: float((value * run.masks[name]).sum()) / max(kept[name], 1) for name, value in momentum.items()}
        total = sum(means.values()) or 1.0
        return {name: mean / total for name, mean in means.items()}

    def _drops(self, run: Run, shares: dict[str, float]) -> dict[str, int]:
        """Nearly dense layers with more than their share of momentum drop no more than they have zeros."""
        rate, count = self.drop.fraction(run.step, run.end_of_updates), {}
        for name, kept in run.masks.kept().items():
            sparsity = 1 - kept / run.masks[name].numel()
            limited = sparsity < 0.2 and shares[name] > 1 / len(shares)
            count[name] = math.ceil((min(sparsity, rate) if limited else rate) * kept)
        return count

    def _grows(self, run: Run, momentum: NamedTensors, wanted: dict[str, int]) -> dict[str, int]:
        """What each layer grows of what it is to grow.

        What it has no room for goes to the others. Where its free positions have no momentum (those of units that never
        are active, say), it grows fewer: the code takes the largest of momentum · (1 − mask), so kept weights, which
        count as 0, take their part of what falls on zeros.
        """
        free = {name: int((mask == 0).sum()) for name, mask in run.masks.items()}
        count = {name: int(n) for name, n in spread(wanted, {name: FULL * n for name, n in free.items()}).items()}
        for name, n in count.items():
            moving = int((momentum[name] * (1 - run.masks[name])).count_nonzero())
            if n > moving:
                still = free[name] - moving
                count[name] = moving + (n - moving) * still // (run.masks[name].numel() - moving)
        return count

    def _stock(self, run: Run) -> "torch.Tensor":
        """What is to be grown beyond what was dropped, the sum of what the total has missed, the number of updates."""
        import torch  # planning loads this file without torch

        return run.state.setdefault("stock", torch.zeros(3, dtype=torch.float64))

    def _take_stock(self, run: Run, stock: "torch.Tensor") -> None:
        """After an update, whose total misses the target by n weights: smooth n over the updates, and add its mean."""
        size = sum(mask.numel() for mask in run.masks.values())
        missed = (1 - run.target) * size - sum(run.masks.kept().values())
        stock[1:] += stock.new_tensor([missed, 1])
        stock[0] = 0.25 * stock[0] + 0.75 * missed + stock[1] / stock[2]

    def _momentum(self, run: Run) -> NamedTensors:
        """SGD's momentum buffer (with its decay term), or Adam's first moment over the root of its second."""
        found = NamedTensors()
        for name, parameter in run.parameters.items():
            state = run.optimizer.state.get(parameter, {}) if run.optimizer else {}
            if state.get("momentum_buffer") is not None:
                found[name] = state["momentum_buffer"]
            elif "exp_avg" in state:
                found[name] = state["exp_avg"] / (state["exp_avg_sq"].sqrt() + 1e-8)
            else:
                raise UserError("the recipe's optimizer.momentum is 0; method 'snfs' needs momentum above 0 or adamw.")
        return found


def spread(wanted: dict[str, int], room: dict[str, float]) -> dict[str, float]:
    """`wanted` within `room`: what overflows is spread evenly over the layers that have room, until none overflows."""
    given = {name: min(float(n), room[name]) for name, n in wanted.items()}
    for _ in wanted:  # each time a layer is filled, or it is the last
        over = sum(wanted.values()) - sum(given.values())
        left = [name for name in given if given[name] < room[name]]
        for name in left:
            given[name] = min(given[name] + over / len(left), room[name])
    return given

"""SNFS: sparse momentum."""

import math

from bench.allocation import Allocation, Global, Uniform, proportional
from bench.errors import UserError
from bench.method import Method, NamedTensors, Run
from bench.schedule import Cosine, EndOfEpoch
from bench.zeros import Zeros


class SNFS(Method):
    """Dettmers & Zettlemoyer 2019, arXiv:1907.04840: momentum says where weights are missing.

    Momentum is dense: pruned weights are 0 but go on collecting gradient. After every epoch each layer drops its
    smallest weights; all that was dropped is divided over the layers by the mean |momentum| of their active weights,
    and grown where |momentum| is largest. A weight that returns at once keeps its value, new ones start at 0. The
    total is exact here; the official code smooths the rounding error away over the epochs.

    Attributes:
        initial: allocation of the random mask at the start.
        drop: the fraction of active weights dropped, annealed by a cosine over the whole training.
        redistribute: whether weights move between layers; if false every layer grows what it dropped.
    """

    schedule = EndOfEpoch()
    allocation = Global()
    zeros = Zeros(value="zero", gradient="live", state="live")
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
        means = {name: float((value * run.masks[name]).sum()) for name, value in momentum.items()}
        means = {name: total / max(run.masks.kept()[name], 1) for name, total in means.items()}
        count = self._drops(run, means)
        run.masks.drop(lowest=run.weights.abs(), n=count)
        run.masks.grow(highest=momentum, n=self._grows(run, count, means) if self.redistribute else count)

    def _drops(self, run: Run, means: dict[str, float]) -> dict[str, int]:
        """Nearly dense layers with more than their share of momentum drop no more than they have zeros."""
        rate, fair, count = self.drop.fraction(run.step, run.end_of_updates), sum(means.values()) / len(means), {}
        for name, kept in run.masks.kept().items():
            sparsity = 1 - kept / run.masks[name].numel()
            limited = sparsity < 0.2 and means[name] > fair
            count[name] = math.ceil((min(sparsity, rate) if limited else rate) * kept)
        return count

    def _grows(self, run: Run, count: dict[str, int], means: dict[str, float]) -> dict[str, int]:
        """Shares of momentum, filling at most 99 % of a layer's free positions while that is enough."""
        free = {name: run.masks[name].numel() - kept for name, kept in run.masks.kept().items()}
        room = {name: int(0.99 * positions) for name, positions in free.items()}
        total = sum(count.values())
        return proportional(total, means, room if sum(room.values()) >= total else free)

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

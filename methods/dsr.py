"""DSR: dynamic sparse reparameterization."""

from bench.allocation import Allocation, Global, Uniform, proportional
from bench.method import Method, Run
from bench.schedule import Doubling
from bench.zeros import Zeros


class DSR(Method):
    """Mostafa & Wang 2019, arXiv:1902.05967: one magnitude threshold for all layers, random regrowth by layer size.

    At an update every active weight below the threshold is dropped (a layer keeps at least one); as many are grown,
    divided over the layers in proportion to what they have left, at random positions other than those just dropped.
    The threshold is doubled or halved when the number dropped is off its goal by more than 10 %. A new weight is 0
    and starts with what is left of its old momentum, which the authors' code never clears.

    The schedule is the one of WRN-28-2: every 100 steps, doubled at epochs 25, 80 and 140 of 200, until epoch 190.

    Attributes:
        initial: allocation of the random mask at the start.
        moved: the goal, as a fraction of all prunable weights; 0.0138 are WRN-28-2's 20,000.
        threshold: its value at the start.
    """

    schedule = Doubling(every=100, at=(25 / 200, 80 / 200, 140 / 200), until=190 / 200)
    allocation = Global()
    zeros = Zeros(value="zero", gradient="zero", state="live")
    initial: Allocation = Uniform()
    moved: float = 0.0138
    threshold: float = 1e-3
    lives_on_updates = True
    bounds = {"moved": "(0, 1)", "threshold": "(0, 1000]"}

    def on_train_start(self, run: Run) -> None:
        """A random mask with an exact count in every layer."""
        run.masks.keep(run.random(), run.target, allocation=self.initial)

    def update_masks(self, run: Run) -> None:
        """Drop below the threshold, adapt it, grow as many elsewhere."""
        before, sizes = run.masks.clone(), {name: mask.numel() for name, mask in run.masks.items()}
        free = {name: sizes[name] - kept for name, kept in run.masks.kept().items()}
        count = self._below(run)
        total = sum(count.values())
        run.masks.drop(lowest=run.weights.abs(), n=count)
        left = run.masks.kept()
        if sum(free.values()) < total:  # nearly dense: what was just dropped has to be taken back
            free = {name: sizes[name] - kept for name, kept in left.items()}
        dropped = before - run.masks
        run.masks.grow(highest=run.random() - dropped, n=proportional(total, left, free))
        self._adapt(run, total)

    def _below(self, run: Run) -> dict[str, int]:
        """How many active weights of each layer lie below the threshold, sparing one."""
        import torch  # planning loads this file without torch

        limit = float(run.state.setdefault("threshold", torch.tensor(self.threshold, dtype=torch.float64)))
        kept = run.masks.kept()
        small = {name: (weight.abs() < limit) & (run.masks[name] != 0) for name, weight in run.weights.items()}
        return {name: min(int(found.sum()), max(kept[name] - 1, 0)) for name, found in small.items()}

    def _adapt(self, run: Run, dropped: int) -> None:
        goal = self.moved * sum(mask.numel() for mask in run.masks.values())
        if dropped < 0.9 * goal:
            run.state["threshold"] *= 2
        elif dropped > 1.1 * goal:
            run.state["threshold"] /= 2

"""SET: sparse evolutionary training."""

from collections.abc import Callable
from math import inf

from bench.allocation import ER
from bench.method import Method, NamedTensors, Run
from bench.schedule import Cosine, EndOfEpoch
from bench.zeros import Gone


class SET(Method):
    """Mocanu et al. 2018, arXiv:1707.04780: after every epoch the weakest connections make room for random ones.

    New connections start at 0 with zero momentum; what was just dropped may be drawn again, and then starts at 0 too.
    Masks have exact counts; the official MLP code draws each entry of the first one independently.

    Attributes:
        drop: the fraction (ζ) of active weights dropped per update.
        anneal: whether the fraction follows a cosine to 0 at the schedule's end, as in the RigL paper's SET rows.
        split_signs: update as the authors' Keras code does, which drops the fraction among positive and among negative
            weights, and all that are exactly 0, and begins every epoch with a new optimizer, so that all momentum is
            lost. If false the smallest |w| go and others keep their momentum, as in all re-implementations.
    """

    schedule = EndOfEpoch()
    allocation = ER()
    zeros = Gone()
    drop: float = 0.3
    anneal: bool = False
    split_signs: bool = True
    bounds = {"drop": "[0, 1]"}

    def on_train_start(self, run: Run) -> None:
        """A random mask with an exact count in every layer."""
        run.masks.keep(run.random(), run.target)

    def update_masks(self, run: Run) -> None:
        """Drop, then grow as many at random; a layer without free positions stays as it is."""
        if not run.masks.sparsity():
            return
        full = {name for name, kept in run.masks.kept().items() if kept == run.masks[name].numel()}
        dropped = dict.fromkeys(run.masks, 0)
        for lowest, wanted in self._by_sign(run) if self.split_signs else [self._by_magnitude(run)]:
            count = {name: 0 if name in full else n for name, n in wanted.items()}
            run.masks.drop(lowest=lowest, n=count)
            dropped = {name: dropped[name] + n for name, n in count.items()}
        run.mask_weights()
        run.mask_optimizer()
        if self.split_signs:
            _begin_anew(run)
        run.masks.grow(highest=run.random(), n=dropped)

    def _fraction(self, run: Run) -> float:
        return Cosine(self.drop).fraction(run.step, run.end_of_updates) if self.anneal else self.drop

    def _by_magnitude(self, run: Run) -> tuple[NamedTensors, dict[str, int]]:
        """The weights to rank, the lowest first, and how many of each layer go."""
        fraction = self._fraction(run)
        count = {name: int(fraction * kept) for name, kept in run.masks.kept().items()}
        return run.weights.abs() + run.masks * 1e-30, count  # an active weight that is exactly 0 goes first

    def _by_sign(self, run: Run) -> list[tuple[NamedTensors, dict[str, int]]]:
        """The same, for active weights of each sign by themselves: those of another sign do not take part.

        The code keeps what lies beyond a threshold, itself a weight that goes: of n positive ones the one after the
        first ⌊ζn⌋, of n negative ones the first after the ⌊(1 − ζ)n⌋ that stay.
        """
        fraction = self._fraction(run)
        rules: dict[int, Callable[[int], int]] = {
            1: lambda n: min(int(fraction * n) + 1, n),
            -1: lambda n: n - int((1 - fraction) * n),
            0: lambda n: n,
        }
        found = []
        for sign, rule in rules.items():
            part = {name: (weight.sign() == sign) & (run.masks[name] != 0) for name, weight in run.weights.items()}
            lowest = NamedTensors((name, run.weights[name].abs().masked_fill(~part[name], inf)) for name in part)
            found.append((lowest, {name: rule(int(chosen.sum())) for name, chosen in part.items()}))
        return found


def _begin_anew(run: Run) -> None:
    """Set the optimizer to the state of a new one: all momentum is 0; or all moments and the count of steps are."""
    for state in run.optimizer.state.values() if run.optimizer else ():
        for value in state.values():
            if hasattr(value, "zero_"):
                value.zero_()

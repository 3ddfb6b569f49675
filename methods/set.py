"""SET: sparse evolutionary training."""

from math import inf

from bench.allocation import ER
from bench.method import Method, NamedTensors, Run
from bench.schedule import Cosine, EndOfEpoch
from bench.zeros import Gone


class SET(Method):
    """Mocanu et al. 2018, arXiv:1707.04780: after every epoch the weakest connections make room for random ones.

    New connections start at 0 with zero momentum; what was just dropped may be drawn again, and then starts at 0 too.
    Masks have exact counts; the official MLP code draws each entry independently.

    Attributes:
        drop: the fraction (ζ) of active weights dropped per update.
        anneal: whether the fraction follows a cosine to 0 at the schedule's end, as in the RigL paper's SET rows.
        split_signs: drop the fraction among positive and among negative weights, as in the authors' code; if false
            the smallest |w| go, as in all re-implementations.
    """

    schedule = EndOfEpoch()
    allocation = ER()
    zeros = Gone()
    drop: float = 0.3
    anneal: bool = False
    split_signs: bool = True

    def on_train_start(self, run: Run) -> None:
        """A random mask with an exact count in every layer."""
        run.masks.keep(run.random(), run.target)

    def update_masks(self, run: Run) -> None:
        """Drop, then grow as many at random; a layer without free positions stays as it is."""
        before = run.masks.kept()
        dropped = dict.fromkeys(before, 0)
        for side in self._sides(run):
            here = {name: int((value != 0).sum()) for name, value in side.items()}
            count = {name: int(self._fraction(run) * here[name]) for name in here}
            count = {name: n if before[name] < run.masks[name].numel() else 0 for name, n in count.items()}
            run.masks.drop(lowest=NamedTensors((name, v.masked_fill(v == 0, inf)) for name, v in side.items()), n=count)
            dropped = {name: dropped[name] + n for name, n in count.items()}
        run.mask_weights()
        run.mask_optimizer()
        run.masks.grow(highest=run.random(), n=dropped)

    def _fraction(self, run: Run) -> float:
        return Cosine(self.drop).fraction(run.step, run.end_of_updates) if self.anneal else self.drop

    def _sides(self, run: Run) -> list[NamedTensors]:
        """The magnitudes that compete with each other; 0 stands for those that do not take part."""
        if not self.split_signs:
            return [run.weights.abs() + run.masks * 1e-30]  # an active weight that is exactly 0 goes first
        return [
            NamedTensors((name, (weight * sign).clamp(min=0)) for name, weight in run.weights.items())
            for sign in (1, -1)
        ]

"""RigL: drop by magnitude, grow by gradient."""

from bench.allocation import ERK
from bench.method import Method, Run
from bench.schedule import Cosine, Periodic
from bench.zeros import Gone


class RigL(Method):
    """Evci et al. 2020, arXiv:1911.11134: sparse from the start, with connections that move every 100 steps.

    At an update the k_l smallest active weights of each layer are dropped, then the k_l positions with the largest
    dense gradient grown; what was just dropped may return and then keeps its value. New weights start at 0 with zero
    momentum. As in the authors' code, an update looks at a batch of its own and takes no optimizer step away;
    ``step_on_update=false`` is the paper's Algorithm 1, where the update replaces the step.

    Attributes:
        drop: the fraction of active weights dropped, annealed by a cosine until the schedule's end.
        drop_noise: standard deviation of the noise that the authors' code adds to the magnitudes.
    """

    schedule = Periodic(every=100, until=75_000 / 97_656)
    allocation = ERK()
    zeros = Gone()
    drop: Cosine = Cosine(0.3)
    drop_noise: float = 1e-5
    lives_on_updates = True
    bounds = {"drop_noise": "[0, 1000]"}

    def on_train_start(self, run: Run) -> None:
        """A random mask with an exact count in every layer."""
        run.masks.keep(run.random(), run.target)

    def update_masks(self, run: Run) -> None:
        """Drop, then grow as many."""
        fraction = self.drop.fraction(run.step, run.end_of_updates)
        count = {name: int(kept * fraction) for name, kept in run.masks.kept().items()}
        gradients = run.gradients().abs()  # before anything is dropped, as in the paper and the authors' code
        run.masks.drop(lowest=run.weights.abs() + run.normal() * self.drop_noise, n=count)
        run.masks.grow(highest=gradients, n=count)

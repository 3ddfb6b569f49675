"""SET as its authors' code on sparse matrices carries it out."""

from typing import TYPE_CHECKING

from bench.allocation import ERDraws
from bench.method import Method, NamedTensors, Run
from bench.schedule import EndOfEpoch
from bench.zeros import Gone

if TYPE_CHECKING:
    import torch


class SetSparse(Method):
    """Mocanu et al. 2018, arXiv:1707.04780, in the code of its tutorial: new connections are drawn, not 0.

    After every epoch but the last the weights closest to 0 are dropped, of each sign a fraction by itself, and as many
    random connections are grown. What stays keeps its momentum; what is grown begins without. `set` is the authors'
    other code, which the paper's experiments were made with.

    Attributes:
        drop: the fraction (ζ) of the negative and of the positive weights dropped per update.
        std: the standard deviation of new weights, which are normal numbers around 0.
    """

    schedule = EndOfEpoch()
    allocation = ERDraws()
    zeros = Gone()
    drop: float = 0.3
    std: float = 0.1
    bounds = {"drop": "[0, 1)", "std": "(0, 1000]"}

    def on_train_start(self, run: Run) -> None:
        """A random mask with an exact count in every layer."""
        run.masks.keep(run.random(), run.target)

    def update_masks(self, run: Run) -> None:
        """Drop, then grow as many at random; what was just dropped may be drawn again, and is a new weight then."""
        if not run.masks.sparsity():
            return
        dropped = NamedTensors((name, self._closest(run.weights[name], mask)) for name, mask in run.masks.items())
        count = {name: int(chosen.sum()) for name, chosen in dropped.items()}
        run.masks.drop(lowest=-dropped, n=count)
        run.mask_optimizer()
        kept = run.masks.clone()
        run.masks.grow(highest=run.random(), n=count)
        grown = run.masks - kept
        run.weights.copy_(run.weights * kept + run.normal() * grown * self.std)

    def _closest(self, weight: "torch.Tensor", mask: "torch.Tensor") -> "torch.Tensor":
        """1 for the active weights between two of their sorted values, these included; else 0.

        Of n values, counted from 0, the smallest |w| stands at place i (or several at i to j − 1; else j is i + 1). The
        one at place ⌊(1 − ζ) i⌋ is the first to go; the one at ⌊j + ζ (n − j)⌋, or the last of all, is the last to go.
        """
        values = weight[mask != 0].sort().values
        count = len(values)
        if not count:
            return mask.clone()
        smallest = (values.abs() == values.abs().min()).nonzero()
        first, after = int(smallest[0]), int(smallest[-1]) + 1
        low = values[int((1 - self.drop) * first)]
        high = values[min(int(after + self.drop * (count - after)), count - 1)]
        return mask * (weight >= low) * (weight <= high)

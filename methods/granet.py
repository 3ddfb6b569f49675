"""GraNet: gradual pruning with neuroregeneration."""

import math

from bench.allocation import ERK, Allocation, Global
from bench.method import Method, NamedTensors, Run
from bench.schedule import Cosine, Cubic
from bench.zeros import Gone

GRADIENT = "gradient."
"""In the run's state, before the name of a weight: its gradient in the last step."""


class GraNet(Method):
    """Liu et al. 2021, arXiv:2106.10404: gradual global pruning, each step followed by dropping and regrowing weights.

    Every 1000 steps the network is pruned to the cubic ramp's sparsity by one global magnitude ranking; then every
    layer drops some of its smallest weights and grows as many where the dense gradient is largest. That is the
    gradient of the training batch of the step just made, at the weights before it, as in the authors' code.
    Regeneration goes on after the ramp, to the end of training. It starts dense; ``granet[schedule.initial=0.5]`` is
    GraNet-ST, which starts from a random sparse mask.

    Attributes:
        initial: allocation of the random mask of a sparse start.
        drop: the fraction regenerated, annealed by a cosine over the whole training.
    """

    schedule = Cubic(every=1000, offset="every", until=80 / 160, reselect=True)
    allocation = Global(rounding="down")
    zeros = Gone()
    initial: Allocation = ERK()
    drop: Cosine = Cosine(0.5, 0.005)
    lives_on_updates = True

    def on_train_start(self, run: Run) -> None:
        """The ramp's first sparsity, at random; none for a dense start."""
        run.masks.keep(run.random(), min(run.sparsity, run.target), allocation=self.initial)

    def on_after_backward(self, run: Run) -> None:
        """Keep the dense gradients: the next step may begin with an update."""
        import torch  # planning loads this file without torch

        gradients = {GRADIENT + name: each.grad for name, each in run.parameters.items() if each.grad is not None}
        if gradients.keys() <= run.state.keys():
            torch._foreach_copy_([run.state[name] for name in gradients], list(gradients.values()))
        else:
            run.state.update({name: gradient.clone() for name, gradient in gradients.items()})

    def update_masks(self, run: Run) -> None:
        """Prune to the ramp, then drop and grow as many per layer."""
        # What is active and exactly 0 ranks above what is pruned.
        run.masks.keep(run.weights.abs() + run.masks * 1e-30, min(run.sparsity, run.target))
        run.mask_weights()
        run.mask_optimizer()
        gradients = {name: run.state[GRADIENT + name] for name in run.weights if GRADIENT + name in run.state}
        if not gradients:
            return  # before the first step there is nothing to grow by
        fraction = self.drop.fraction(run.step, run.steps)
        count = {name: math.ceil(kept * fraction) for name, kept in run.masks.kept().items()}
        run.masks.drop(lowest=run.weights.abs(), n=count)
        run.masks.grow(highest=NamedTensors(gradients).abs(), n=count)

    def on_train_end(self, run: Run) -> None:
        """No later stage has a use for the gradients."""
        for name in run.weights:
            run.state.pop(GRADIENT + name, None)

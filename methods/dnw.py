"""DNW: the largest weights of the moment, with gradients for all."""

import math

from bench.allocation import Allocation, Uniform
from bench.method import Method, Run
from bench.schedule import Periodic, Schedule
from bench.zeros import Alive


class DNW(Method):
    """Wortsman et al. 2019, arXiv:1906.00586: in every step each layer uses its largest weights, and all are trained.

    The gradient at the sparse network moves the dense weights (straight through), so those that are not used come in as
    soon as they are large enough. The sparsity is constant from the first step. Of the paper this is the part on sparse
    networks, not that on graphs of channels.
    """

    schedule: Schedule = Periodic(every=1)
    allocation: Allocation = Uniform(rounding="up")
    zeros = Alive()

    def update_masks(self, run: Run) -> None:
        """Choose by |w|, without waiting for a value, as `run.masks.keep` would in every step."""
        import torch  # planning loads this file without torch

        shapes = {name: tuple(weight.shape) for name, weight in run.weights.items()}
        units = {name: math.prod(shape) for name, shape in shapes.items()}
        for group in self.allocation.groups(shapes, units, run.sparsity):
            flat = torch.cat([run.weights[name].abs().flatten() for name in group.names])
            chosen = torch.zeros_like(flat).scatter_(0, flat.topk(group.keep).indices, 1)
            for name, part in zip(group.names, torch.split(chosen, [units[name] for name in group.names]), strict=True):
                run.masks[name].copy_(part.view(shapes[name]))

    def on_after_step(self, run: Run) -> None:
        """What is evaluated and kept are the largest of the final weights."""
        if run.step == run.steps - 1:
            self.update_masks(run)

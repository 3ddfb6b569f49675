"""Gradual magnitude pruning."""

from bench.allocation import Uniform
from bench.method import Method, NamedTensors, Run
from bench.schedule import Cubic


class GMP(Method):
    """Prune the smallest weights along a cubic ramp while training (Zhu & Gupta 2017, arXiv:1710.01878).

    Ports differ in allocation, ramp and in what pruned weights do; here they are gone. The defaults are the flags of
    the RigL repository's CIFAR-10 baseline: every layer but the first, which the grid's ``prunable`` leaves out, at the
    same sparsity; updates every 1,000 steps from step 20,000 to 75,000 of 97,656. Whether the published curve used them
    is not stated there.
    """

    schedule = Cubic(every=1000, start=20_000 / 97_656, until=75_000 / 97_656)
    allocation = Uniform()
    lives_on_updates = True

    def saliency(self, run: Run) -> NamedTensors:
        """|w|; weights already pruned are 0 and stay last."""
        return run.weights.abs()

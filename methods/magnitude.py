"""One-shot magnitude pruning after training."""

from bench.allocation import Allocation, Global
from bench.method import Method, NamedTensors, Run
from bench.schedule import OneShot, Schedule


class Magnitude(Method):
    """Train, remove the smallest weights at once, fine-tune (Han et al. 2015, arXiv:1506.02626; one round of it)."""

    schedule: Schedule = OneShot(after="pretrain")
    allocation: Allocation = Global()

    def saliency(self, run: Run) -> NamedTensors:
        """|w|."""
        return run.weights.abs()

"""Random pruning at initialisation."""

from bench.allocation import Allocation, Uniform
from bench.method import Method, NamedTensors, Run


class Random(Method):
    """Keep a random subset from the start, an exact count in every layer (Liu et al. 2022, arXiv:2202.02643).

    The authors' code draws each mask entry independently, which meets the target only in expectation. Layer ratios:
    ``uniform`` (default), ``er``, ``erk``, or ``global`` for one draw over all layers.
    """

    allocation: Allocation = Uniform()

    def saliency(self, run: Run) -> NamedTensors:
        """A uniform draw per weight."""
        return run.random()

"""Iterative SNIP: SNIP in rounds."""

from bench.method import NamedTensors, Run
from methods.force import Force


class IterativeSnip(Force):
    """De Jorge et al. 2021, arXiv:2006.09081: as FORCE, but what is pruned stays pruned; the masks are nested.

    Until October 2020 the authors' code (and with it the first version of the paper) called this FORCE, and forks from
    before still do.
    """

    def saliency(self, run: Run, number: int = 0) -> NamedTensors:
        """|θ · g| of what is left, 0 for pruned weights."""
        return (run.weights * self.gradients(run, number) * run.masks).abs()

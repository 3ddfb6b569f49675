"""GRASP-It: iterative pruning at initialisation by the squared gradient."""

from bench.method import NamedTensors, Run
from methods.force import Force


class GraspIt(Force):
    """De Jorge et al. 2021, arXiv:2006.09081: the rounds of FORCE with the score g²; what is pruned stays pruned."""

    def saliency(self, run: Run, number: int = 0) -> NamedTensors:
        """g² of what is left, 0 for pruned weights."""
        return self.gradients(run, number) ** 2 * run.masks

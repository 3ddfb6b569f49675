"""DPF: dynamic pruning with feedback."""

from bench.allocation import Global
from bench.method import Method, NamedTensors, Run
from bench.schedule import Cubic
from bench.zeros import Alive


class DPF(Method):
    """Lin et al. 2020, arXiv:2006.07253: the gradient of the pruned network moves a dense weight vector.

    Every 16 steps the mask is taken anew from the dense weights, so a weight pruned by mistake comes back with the
    value it has by then. The ramp ends at the second learning-rate drop and the mask is fixed from then on, as in the
    unofficial code (no official code is public; the paper's text was not available).
    """

    schedule = Cubic(every=16, offset=15, until="second_drop")
    allocation = Global()
    zeros = Alive()
    lives_on_updates = True

    def saliency(self, run: Run) -> NamedTensors:
        """|w| of the dense weights."""
        return run.weights.abs()

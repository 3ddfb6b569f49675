"""GraSP with the sign of its score reversed, as SynFlow's figures have it."""

from bench.allocation import Global
from bench.method import Method, NamedTensors, Run


class GraspReversed(Method):
    """The "GraSP" of Tanaka et al. 2020, arXiv:2006.05467: of all weights it keeps those which GraSP removes.

    ganguli-lab/Synaptic-Flow at 384c544, the commit of the figures' curves, scores by −θ · Hg and keeps the highest;
    GraSP removes them. Its sign was changed two months later (e329c2e), the curves were not. Two more things differ
    from `methods/grasp.py`: Hg is the gradient of ½‖g‖² of the training loss, at temperature 1, and with several
    batches each has its own g and H.

    Attributes:
        batches: scoring batches over which the products Hg are summed.
    """

    allocation = Global(rounding="up")
    batches: int = 1
    bounds = {"batches": "[1, 100000]"}

    def saliency(self, run: Run) -> NamedTensors:
        """−θ · Σ Hg over batches, with sign."""
        products = [run.hessian_product(run.gradients(first=batch), first=batch) for batch in range(self.batches)]
        return -(run.weights * sum(products[1:], start=products[0]))

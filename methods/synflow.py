"""SynFlow: pruning at initialisation without data."""

from bench.allocation import Global
from bench.method import Method, NamedTensors, Run
from bench.schedule import Exponential, Ramp


class SynFlow(Method):
    """Tanaka et al. 2020, arXiv:2006.05467: in 100 rounds, remove the weights through which least flows.

    R is the sum of the outputs for an image of ones, with every parameter and buffer replaced by its absolute value
    and batch normalisation in inference mode; the score is |θ| · ∂R/∂|θ|, which sums to the same value over each layer
    of a chain. Computed in float64, because R is a product over all layers; the authors' code has float32 (its
    conversion is commented out). Like that code, a round removes ``int(m · s)`` of m weights, and convolutions of
    shortcuts are pruned as all others.

    Attributes:
        ramp: ``exponential`` or ``linear``, with ``ramp.steps`` rounds.
    """

    allocation = Global(rounding="up")
    ramp: Ramp = Exponential(100)

    def update_masks(self, run: Run) -> None:
        """All rounds at once; what is pruned lets nothing through, scores 0 and stays pruned."""
        flow = _Flow(run)
        for sparsity in self.ramp.ramp(run.target):
            run.masks.keep(flow.saliency(), sparsity, target=run.target)

    def saliency(self, run: Run) -> NamedTensors:
        """|θ| · ∂R/∂|θ| at the masked network, float64."""
        return _Flow(run).saliency()


class _Flow:
    """A positive float64 copy of the network, made once for all rounds, in which weights are pruned for good."""

    def __init__(self, run: Run) -> None:
        import copy

        import torch

        self.run, self.model = run, copy.deepcopy(run.model).double().eval().requires_grad_(False)
        for value in (*self.model.parameters(), *self.model.buffers()):
            if value.is_floating_point():
                value.abs_()
        named = dict(self.model.named_parameters())
        self.weights = NamedTensors((name, named[name].requires_grad_()) for name in run.masks)
        images, _ = run.batches.scoring(0, "shape")
        self.ones = torch.ones_like(images[:1], dtype=torch.float64)

    def saliency(self) -> NamedTensors:
        """The scores under the masks as they are now."""
        import torch

        with torch.no_grad():
            torch._foreach_mul_(self.weights.tensors(), self.run.masks.tensors())
        self.run.scoring_passes += 1
        found = torch.autograd.grad(self.model(self.ones).sum(), self.weights.tensors())
        with torch.no_grad():
            return self.weights * NamedTensors(zip(self.weights, found, strict=True))

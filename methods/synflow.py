"""SynFlow: pruning at initialisation without data."""

from bench.method import Method, NamedTensors, Run
from bench.schedule import Exponential, Ramp


class SynFlow(Method):
    """Tanaka et al. 2020, arXiv:2006.05467: in 100 rounds, remove the weights through which least flows.

    R is the sum of the outputs for an image of ones, with every parameter and buffer replaced by its absolute value
    and batch normalisation in inference mode; the score is |θ| · ∂R/∂|θ|, which sums to the same value over each layer
    of a chain. Computed in float64, because R is a product over all layers; the authors' code has float32 (its
    conversion is commented out). That code also leaves convolutions of shortcuts dense; a prunable set such as
    ``all[exclude=*shortcut*]`` does so here.

    Attributes:
        ramp: ``exponential`` or ``linear``, with ``ramp.steps`` rounds.
    """

    ramp: Ramp = Exponential(100)

    def update_masks(self, run: Run) -> None:
        """All rounds at once; what is pruned lets nothing through, scores 0 and stays pruned."""
        for sparsity in self.ramp.ramp(run.target):
            run.masks.keep(self.saliency(run), sparsity, target=run.target)

    def saliency(self, run: Run) -> NamedTensors:
        """|θ| · ∂R/∂|θ| at the masked network, float64."""
        import torch
        from torch.func import functional_call

        state = dict(run.model.named_parameters()) | dict(run.model.named_buffers())
        absolute = {name: value.detach().double().abs() for name, value in state.items() if value.is_floating_point()}
        point = {name: (absolute[name] * mask).requires_grad_() for name, mask in run.masks.items()}
        images, _ = run.batches.scoring(0, "shape")
        was_training = run.model.training
        run.model.eval()
        try:
            output = functional_call(run.model, absolute | point, (torch.ones_like(images[:1]).double(),))
        finally:
            run.model.train(was_training)
        run.scoring_passes += 1
        found = torch.autograd.grad(output.sum(), list(point.values()))
        return NamedTensors((name, flow * point[name].detach()) for name, flow in zip(point, found, strict=True))

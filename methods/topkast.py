"""Top-KAST: always sparse, forward and backward."""

from bench.allocation import Uniform
from bench.method import Method, NamedTensors, Run
from bench.schedule import Periodic
from bench.zeros import Alive


class TopKAST(Method):
    """Jayakumar et al. 2020, arXiv:2106.03517: use the largest weights, train a somewhat larger set.

    The forward pass uses A, the largest |w| of every layer; gradients reach B, a larger such set around it; all other
    weights are frozen at their latent values, whatever momentum and decay would do. A and B are taken anew every 100
    steps. The exploration penalty is the recipe's weight decay (its L2 form): as it is on A, divided by the density
    of A on B minus A, none elsewhere. So a recipe without weight decay has no penalty.

    No official code is public; the algorithm and its defaults are recalled, not read in the paper.

    Attributes:
        backward: sparsity of B; None is twice the density of A (the paper's 90/80 and 95/90 pairs, recalled).
    """

    schedule = Periodic(every=100)
    allocation = Uniform()
    zeros = Alive()
    backward: float | None = None
    bounds = {"backward": "[0, 1)"}

    def saliency(self, run: Run) -> NamedTensors:
        """|w| of the latent weights."""
        return run.weights.abs()

    def update_masks(self, run: Run) -> None:
        """Choose A and B; what enters or leaves B does so without momentum."""
        outer = max(0.0, 2 * run.sparsity - 1) if self.backward is None else min(self.backward, run.sparsity)
        run.masks.keep(self.saliency(run), outer)
        larger = run.masks.clone()
        run.masks.keep(self.saliency(run), run.sparsity)
        for name, parameter in run.parameters.items():
            trained = larger[name].maximum(run.masks[name])
            before = run.state.setdefault(f"trained.{name}", trained)
            stays = trained * before
            before.copy_(trained)
            for value in run.optimizer.state.get(parameter, {}).values() if run.optimizer else ():
                if getattr(value, "shape", None) == trained.shape:
                    value.mul_(stays)

    def on_after_backward(self, run: Run) -> None:
        """Gradient and penalty on B only; remember the weights for `on_after_step`."""
        decay = run.recipe.optimizer.weight_decay * (1 / (1 - run.target) - 1)
        for name, parameter in run.parameters.items():
            trained, mask = run.state[f"trained.{name}"], run.masks[name]
            run.state[f"before.{name}"] = run.weights[name].clone()
            if parameter.grad is not None:
                parameter.grad.mul_(trained).addcmul_(trained - mask, run.weights[name], value=decay)

    def on_after_step(self, run: Run) -> None:
        """Weights outside B stay where they were."""
        for name, weight in run.weights.items():
            frozen = run.state[f"trained.{name}"] == 0
            weight.copy_(run.state.pop(f"before.{name}").where(frozen, weight))

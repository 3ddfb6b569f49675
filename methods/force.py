"""FORCE: iterative pruning at initialisation in which weights may come back."""

from typing import TYPE_CHECKING, Literal

from bench.allocation import Global
from bench.method import Method, NamedTensors, Run
from bench.schedule import Exponential, Ramp

if TYPE_CHECKING:
    import torch

UNSEEN = 2**20
"""Number of a round that no ramp reaches: its images are those the sensitivity is measured on."""


def raw_logit(logits: "torch.Tensor", labels: "torch.Tensor") -> "torch.Tensor":
    """Minus the mean logit of the right class, 0-d: what the authors' code differentiates (`nll_loss` of logits)."""
    return -logits.gather(1, labels[:, None]).mean()


class Force(Method):
    """De Jorge et al. 2021, arXiv:2006.09081: the target is approached in rounds, each a global ranking of |θ · g|.

    θ are the dense initial weights and g the gradient at the network pruned so far, which exists for pruned weights
    too: a weight that was removed by mistake comes back with its initial value. No weight changes between rounds.
    One round of cross-entropy is SNIP. Follows the authors' code (naver/force); the paper's text was not read. As in
    the code, a round keeps ``int(m · k)`` of m weights, and by default `raw_logit` is differentiated. Where too few
    scores differ from 0 the code keeps everything; here that is the outcome ``collapsed``.

    Kept with the result is the objective, `sensitivity` of the final masks, on images that no round has seen: the same
    for all ramps and scores of a seed, so one round of cross-entropy gives the one of SNIP to compare
    with.

    Attributes:
        ramp: ``exponential`` or ``linear``, with ``ramp.steps`` rounds (60 in the authors' examples, 10 by default in
            their command line; 300 on CIFAR in the paper, from memory).
        batches: mini-batches per round, new ones in every round (1 on CIFAR-10, 10 on CIFAR-100, 20 on Tiny-ImageNet).
        loss: ``raw_logit`` as in the authors' code, or ``cross_entropy`` as described.
    """

    allocation = Global(rounding="down")
    ramp: Ramp = Exponential(60)
    batches: int = 1
    loss: Literal["raw_logit", "cross_entropy"] = "raw_logit"
    bounds = {"batches": "[1, 100000]"}
    reports = {
        "sensitivity": {
            "title": "Sensitivity",
            "better": "higher",
            "meaning": "the objective at initialisation, under the masks that were trained",
        }
    }

    def update_masks(self, run: Run) -> None:
        """All rounds at once, and the objective they end with."""
        for number, sparsity in enumerate(self.ramp.ramp(run.target)):
            run.masks.keep(self.saliency(run, number), sparsity, target=run.target)
        passes = run.scoring_passes
        run.state["sensitivity"] = self.sensitivity(run)
        run.scoring_passes = passes  # measuring is no part of what the method costs

    def sensitivity(self, run: Run) -> "torch.Tensor":
        """Σ |θ · g| over the kept weights, with g at the masked network, 0-d: what FORCE maximises by its masks."""
        return (run.weights * run.masks * self.gradients(run, UNSEEN)).abs().sum()

    def saliency(self, run: Run, number: int = 0) -> NamedTensors:
        """|θ · g| in round `number`, for pruned weights too."""
        return (run.weights * self.gradients(run, number)).abs()

    def gradients(self, run: Run, number: int) -> NamedTensors:
        """The gradient g at the masked network, on the images of round `number`."""
        from torch.nn.functional import cross_entropy  # loads torch, which planning does without

        loss = raw_logit if self.loss == "raw_logit" else cross_entropy
        return run.gradients(self.batches, first=number * self.batches, loss=loss)

    def diagnostics(self, run: Run) -> dict[str, float]:
        """The objective at initialisation, under the masks that were trained."""
        return {"sensitivity": float(run.state["sensitivity"])}

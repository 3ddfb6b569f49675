"""Importances from gradient flow, in rounds while training."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

from bench.allocation import Global
from bench.method import Method, NamedTensors, Run
from bench.schedule import EndOfEpoch
from bench.structure import Filters, Weights

if TYPE_CHECKING:
    import torch

LAST, FIRST = -1e30, 1e30
"""Scores below and above all others, whose mean over a filter is still a number."""


class FlowImportance(Method):
    """Lubana & Dick 2021, arXiv:2009.11839: remove filters by how much their removal would change loss or gradient.

    After each of the first epochs equally many filters go, by one global ranking. They never return, and momentum
    starts anew. With weights θ, gradient g and Hessian H of the loss, a filter scores ::

        loss                 Σ |θ · g|         change of the loss
        magnitude_loss       Σ |θ² · g|        the same, biased towards removing what is small
        gradient_norm        |Σ θ · Hg|        change of the gradient's norm
        gradient_increase    Σ θ · Hg          its decrease, signed: removing the lowest raises the norm (GraSP's score)

    over its weights; under ``weights`` each weight has its own. As in the authors' code some filters of every layer are
    exempt: the last ones, whatever they score.

    Attributes:
        score: one of the four.
        rounds: after so many epochs the target is reached; fewer, if training has no more.
        images: so many are scored: random batches for the loss, equally many of every class for the gradient's norm,
            one class at a time.
        exempt: the fraction of a layer's filters that never go, and one more; 0 exempts none.
    """

    schedule = EndOfEpoch()
    allocation = Global(rounding="up")
    structure: Weights = Filters()
    score: Literal["loss", "magnitude_loss", "gradient_norm", "gradient_increase"] = "magnitude_loss"
    rounds: int = 25
    images: int = 2560
    exempt: float = 0.05
    bounds = {"rounds": "[1, 100000]", "images": "[1, 1e9]", "exempt": "[0, 0.5]"}

    def saliency(self, run: Run) -> NamedTensors:
        """The scores; those of a filter stand at each of its weights."""
        scores = self._changes(run)
        if isinstance(self.structure, Filters):
            scores = NamedTensors((name, _summed(score)) for name, score in scores.items())
        return scores.abs() if self.score == "gradient_norm" else scores

    def update_masks(self, run: Run) -> None:
        """A round, if it is time for one; what is pruned ranks below all others."""
        rounds = min(self.rounds, math.ceil(run.steps / run.batches.steps_per_epoch) - 1)
        if not run.target or run.epoch > rounds:
            return
        scores = self.saliency(run)
        for name, score in scores.items():
            if self.exempt and isinstance(self.structure, Filters):
                score[-int(self.exempt * len(score)) - 1 :] = FIRST
            scores[name] = score.masked_fill(run.masks[name] == 0, LAST)
        run.masks.keep(scores, run.target * run.epoch / rounds)
        for state in run.optimizer.state.values() if run.optimizer else ():
            for value in state.values():
                if hasattr(value, "zero_"):
                    value.zero_()

    def _changes(self, run: Run) -> NamedTensors:
        """θ · g, θ² · g without signs, or θ · Hg."""
        if self.score in ("loss", "magnitude_loss"):
            change = (run.weights * run.gradients(math.ceil(self.images / run.batches.scoring_size))).abs()
            return change if self.score == "loss" else change * run.weights.abs()
        classes = run.batches.classes
        seen: dict[str, Any] = {"per_class": self.images // classes, "parts": classes}
        if self.score == "gradient_increase":
            seen["loss"] = lambda logits, labels: run.data_loss(logits / 200, labels)
        return run.weights * run.hessian_product(run.gradients(**seen), **seen)


def _summed(score: torch.Tensor) -> torch.Tensor:
    """Each filter's sum, at all of its weights; shape as before."""
    return score.flatten(1).sum(1).view(-1, *[1] * (score.dim() - 1)).expand_as(score).clone()

"""GraSP: pruning at initialisation that preserves gradient flow."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, Literal

from bench.allocation import Global
from bench.method import Method, NamedTensors, Run

if TYPE_CHECKING:
    import torch


class Grasp(Method):
    """Wang, Zhang, Grosse 2020, arXiv:2002.07376: keep the weights whose removal would lower the gradient's norm most.

    The published score is −θ · Hg, and the highest are removed; here its negative is kept from the top, which is the
    same ranking. H and g are those of the cross-entropy of logits / T. Scores have both signs, and an exact 0 ranks
    between them. The defaults are those of the authors' code (alecwangcq/GraSP) on CIFAR.

    Attributes:
        batches: mini-batches over which both gradient and Hessian are averaged.
        temperature: T.
        per_class: images of every class in a mini-batch, which are sorted by class; None takes the recipe's scoring
            batch, whatever classes are in it (10 · classes random images in SynFlow's and NTK-SAP's code).
        parts: passes that take a mini-batch through the network one after the other, each with its own statistics of
            batch normalisation. The code has two: a half of the classes in each.
        linear: ``redrawn`` gives linear layers other weights (Xavier normal) while scoring, as the code does: their
            scores do not belong to the weights that are trained. ``trained`` scores these.
    """

    allocation = Global(rounding="up")
    batches: int = 1
    temperature: float = 200.0
    per_class: int | None = 10
    parts: int = 2
    linear: Literal["redrawn", "trained"] = "redrawn"
    bounds = {
        "batches": "[1, 100000]",
        "temperature": "(0, 1000000]",
        "per_class": "[1, 100000]",
        "parts": "[1, 1000]",
    }

    def saliency(self, run: Run) -> NamedTensors:
        """θ · Hg, with sign."""
        with _redrawn(run) if self.linear == "redrawn" else nullcontext():
            seen: dict[str, Any] = {"loss": self._loss, "per_class": self.per_class, "parts": self.parts}
            gradient = run.gradients(self.batches, **seen)
            return run.weights * run.hessian_product(gradient, self.batches, **seen)

    def _loss(self, logits: "torch.Tensor", labels: "torch.Tensor") -> "torch.Tensor":
        return -(logits / self.temperature).log_softmax(1).gather(1, labels[:, None]).mean()


@contextmanager
def _redrawn(run: Run) -> Iterator[None]:
    """Other weights in the linear layers, and the right ones again afterwards."""
    import torch
    from torch import nn

    weights = [module.weight for module in run.model.modules() if isinstance(module, nn.Linear)]
    before, drawn = [weight.detach().clone() for weight in weights], run.generator("linear")
    try:
        for weight in weights:
            nn.init.xavier_normal_(weight, generator=drawn)
        yield
    finally:
        with torch.no_grad():
            for weight, value in zip(weights, before, strict=True):
                weight.copy_(value)

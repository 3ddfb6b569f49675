"""GraSP: pruning at initialisation that preserves gradient flow."""

from typing import TYPE_CHECKING

from bench.method import Method, NamedTensors, Run

if TYPE_CHECKING:
    import torch


class Grasp(Method):
    """Wang, Zhang, Grosse 2020, arXiv:2002.07376: keep the weights whose removal would lower the gradient's norm most.

    The published score is −θ · Hg, and the highest are removed; here its negative is kept from the top, which is the
    same ranking. H and g are those of the cross-entropy of logits / T. Scores have both signs, and an exact 0 ranks
    between them. The authors' code draws class-balanced images (10 of each class) and scores a copy whose linear
    layers were drawn anew; here the batch is the recipe's scoring batch, and the network the one that is trained.

    Attributes:
        batches: mini-batches over which both gradient and Hessian are averaged.
        temperature: T.
    """

    batches: int = 1
    temperature: float = 200.0

    def saliency(self, run: Run) -> NamedTensors:
        """θ · Hg, with sign."""
        gradient = run.gradients(self.batches, loss=self._loss)
        return run.weights * run.hessian_product(gradient, self.batches, loss=self._loss)

    def _loss(self, logits: "torch.Tensor", labels: "torch.Tensor") -> "torch.Tensor":
        return -(logits / self.temperature).log_softmax(1).gather(1, labels[:, None]).mean()

"""What training minimises, as a recipe names it."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn.functional import cross_entropy, one_hot

from bench.recipe import Recipe


def loss_of(recipe: Recipe, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """The mean loss of a batch under a recipe, as a 0-d tensor.

    Args:
        recipe: the protocol, with its loss and label smoothing.
        logits: (n, classes).
        labels: int64 classes, (n,), or the classes' shares, (n, classes).
    """
    if recipe.loss == "sigmoid_twice":
        return sigmoid_twice(logits, labels)
    return cross_entropy(logits, labels, label_smoothing=recipe.label_smoothing)


def sigmoid_twice(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Half the squared error of sigmoid outputs p = σ(z), summed over classes; its gradient is not its derivative.

    The derivative by a logit is (p − y) σ(z) (1 − σ(z)). SET's tutorial (dcmocanu/sparse-evolutionary-artificial-
    neural-networks at 62ac974) hands outputs instead of logits to the function that takes the sigmoid and then its
    slope, so that its gradient is (p − y) σ(p) (1 − σ(p)). What stands behind (p − y) then lies between 0.19 and 0.25
    whatever the logit: an output that is certain and wrong learns on. That is the gradient here, too.

    Args:
        logits: (n, classes).
        labels: int64 classes, (n,), or the classes' shares y, (n, classes).

    Returns:
        The mean over the n images, a 0-d tensor; the tutorial prints 2 / classes of it.
    """
    targets = labels if labels.dim() == 2 else one_hot(labels, logits.shape[1])
    loss: torch.Tensor = _SigmoidTwice.apply(logits, targets.to(logits.dtype))  # type: ignore[no-untyped-call]
    return loss


class _SigmoidTwice(torch.autograd.Function):
    """See `sigmoid_twice`. Its backward pass consists of operations that have derivatives, for second ones."""

    @staticmethod
    def forward(ctx: Any, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(logits, targets)
        return (logits.sigmoid() - targets).square().sum(1).mean() / 2

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None]:
        logits, targets = ctx.saved_tensors
        outputs = logits.sigmoid()
        again = outputs.sigmoid()
        return gradient * (outputs - targets) * again * (1 - again) / len(logits), None

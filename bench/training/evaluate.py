"""Accuracy and loss of a network over a data set, in which every image weighs once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch.nn.functional import cross_entropy

PIECE = 250
"""Images that the CPU evaluates together, a part of a batch; losses are summed by batches as before."""


@dataclass(frozen=True)
class Evaluation:
    """What a network makes of a data set.

    Attributes:
        accuracy: top-1, in % of the images.
        loss: mean cross-entropy over the images, in nats, without label smoothing.
        images: how many there were.
        predictions: the class of the largest logit, int64 (images,), on the CPU, in the order of the data set; −1
            where a logit is NaN, which is never right.
        logits: float16 (images, classes), on the CPU; beyond ±65504 they become infinite.
    """

    accuracy: float
    loss: float
    images: int
    predictions: torch.Tensor
    logits: torch.Tensor


def evaluate(
    forward: Callable[[torch.Tensor], torch.Tensor], batches: Iterable[tuple[torch.Tensor, torch.Tensor]]
) -> Evaluation:
    """Run `forward` (images to logits) over all batches, without gradients.

    Sums over images are divided once, at the end: a mean of batch means would weigh the images of a partial last
    batch more than the others. Batch normalisation's mode is the caller's affair. Raises ValueError without batches.
    """
    losses: list[torch.Tensor] = []
    correct: list[torch.Tensor] = []
    predictions: list[torch.Tensor] = []
    logits: list[torch.Tensor] = []
    with torch.no_grad():
        for images, labels in batches:
            found = torch.cat([forward(part) for part in torch.split(images, _piece(images))])
            losses.append(cross_entropy(found.double(), labels, reduction="sum"))
            predictions.append(found.argmax(1).masked_fill(found.isnan().any(1), -1))
            correct.append((predictions[-1] == labels).sum())
            logits.append(found.to(torch.float16))
    if not predictions:
        raise ValueError("there is nothing to evaluate on")
    count = sum(map(len, predictions))
    with torch.autocast(logits[0].device.type, enabled=False):  # autocast to bfloat16 refuses to join float16
        joined = torch.cat(logits)
    return Evaluation(
        accuracy=100 * int(torch.stack(correct).sum()) / count,
        loss=float(torch.stack(losses).sum()) / count,
        images=count,
        predictions=torch.cat(predictions).cpu(),
        logits=joined.cpu(),
    )


def _piece(images: torch.Tensor) -> int:
    """How many images go through the network together: on the CPU few, so that their activations take less memory."""
    return PIECE if images.device.type == "cpu" else len(images)

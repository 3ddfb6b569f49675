"""Measures that several sources use, and how far rounding could move them; others stand in a source's module.

A change of what stands here measures every source anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.recompute.near_ties import near_ties

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Measurement:
    """A number of ours.

    Attributes:
        value: in the metric's unit.
        near_ties: images whose answer float32's rounding decides, see `bench.recompute.near_ties`; None where the
            metric is no count of images.
        reach: how far these images together can move the value.
    """

    value: float
    near_ties: int | None = None
    reach: float = 0.0


def accuracy(logits: Tensor, labels: Tensor, k: int = 1) -> Measurement:
    """Percent of images whose label is among the `k` largest of its logits, (images, classes)."""
    right, close = correct(logits, labels, k), near_ties(logits, k)
    return Measurement(_percent(int(right.sum()), len(right)), int(close.sum()), _percent(int(close.sum()), len(right)))


def error(logits: Tensor, labels: Tensor) -> Measurement:
    """Percent of images that are classified wrongly."""
    wrong, close = ~correct(logits, labels), near_ties(logits)
    return Measurement(_percent(int(wrong.sum()), len(wrong)), int(close.sum()), _percent(int(close.sum()), len(wrong)))


def mean_of_batch_accuracies(logits: Tensor, labels: Tensor, batch: int) -> Measurement:
    """The mean of the accuracies of batches of so many images in order, the last one of what is left."""
    right, close = correct(logits, labels), near_ties(logits)
    return Measurement(_mean_of_means(right, batch), int(close.sum()), _mean_of_means(close, batch))


def loss(logits: Tensor, labels: Tensor) -> Measurement:
    """Mean cross-entropy over the images, summed in float64."""
    from torch.nn.functional import cross_entropy

    return Measurement(float(cross_entropy(logits.double(), labels)))


def mean_of_batch_losses(logits: Tensor, labels: Tensor, batch: int) -> Measurement:
    """The mean of the mean losses of batches of so many images in order, the last one of what is left."""
    import torch

    parts = list(zip(torch.split(logits, batch), torch.split(labels, batch), strict=True))
    return Measurement(sum(loss(*part).value for part in parts) / len(parts))


def correct(logits: Tensor, labels: Tensor, k: int = 1) -> Tensor:
    """Whether each image's label is among the `k` largest of its logits; bool (images,)."""
    best: Tensor = logits.topk(k, dim=1).indices
    return (best == labels[:, None]).any(1)


def _mean_of_means(chosen: Tensor, batch: int) -> float:
    import torch

    parts = torch.split(chosen, batch)
    return sum(_percent(int(part.sum()), len(part)) for part in parts) / len(parts)


def _percent(count: int, total: int) -> float:
    return 100 * count / total

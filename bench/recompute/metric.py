"""The names of what sources measure. What one counts by a rule of its own has a name of its own.

A new name changes no number, so this file is not part of the digest of a source's code.
"""

from __future__ import annotations

from enum import StrEnum

SINGLE, DOUBLE = 6, 15
"""Significant decimal digits that every float32 and float64 keeps (C's FLT_DIG, DBL_DIG): more are not compared."""


class Metric(StrEnum):
    """The names; accuracies and errors are in percent of the test images."""

    TOP1 = "top1"
    TOP5 = "top5"
    ERROR = "top1 error"
    BATCH_TOP1 = "mean of batch accuracies"
    """Every batch weighs the same, a partial last one too."""
    CORRECT = "right images"
    """How many; the source may leave out a few."""
    LOSS = "loss"
    BATCH_LOSS = "mean of batch losses"
    SOFTMAXED_LOSS = "loss of softmax outputs"
    """Probabilities taken for logits: softmax twice before the logarithm."""
    PARAMETERS = "parameters"
    MEGA_PARAMETERS = "million parameters"
    WEIGHTS_LEFT = "weights left"
    """How many are not zero; which weights count is the source's own rule."""
    COMPRESSION = "compression"
    """All parameters over those that are not zero."""
    MEGA_FLOPS = "million FLOPs"
    """As the source counts them."""
    FILTERS_PRUNED = "filters pruned"
    """In percent."""

    @property
    def digits(self) -> int:
        """How many significant digits are compared: a loss is what float32 made of logits, all else is counted."""
        return SINGLE if self in (Metric.LOSS, Metric.BATCH_LOSS, Metric.SOFTMAXED_LOSS) else DOUBLE

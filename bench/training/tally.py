"""What a stage has measured so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Tally:
    """What a stage has measured so far; saved in every checkpoint.

    `selected_accuracy` is the test accuracy of the epoch that is best on held-out images, if there are any; else the
    best epoch is the best on the test set. `changed` counts mask entries that flipped since the last evaluation,
    `mask_updates` updates since the start.
    """

    step: int = 0
    loss: float = 0.0
    images: int = 0
    trained_images: int = 0
    seconds: float = 0.0
    training_macs: float = 0.0
    mask_updates: int = 0
    changed: float = 0.0
    best_accuracy: float = -1.0
    best_epoch: float = 0.0
    selected_accuracy: float = -1.0
    curve: dict[str, Any] = field(default_factory=dict)

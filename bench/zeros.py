"""What the pruned weights do meanwhile: whether their value, gradient and optimizer state are zero or live."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["zero", "live"]


@dataclass(frozen=True)
class Zeros:
    """What holds for masked entries between mask updates; a contract test holds every method to it.

    Attributes:
        value: ``zero``: the stored weight is 0. ``live``: it keeps a latent value, and the forward pass uses
            mask · weight with a straight-through gradient.
        gradient: ``zero``: masked before the optimizer sees it. ``live``: the optimizer sees the dense gradient.
        state: ``zero``: momentum and second moments are 0 and so start at 0 when a weight comes back.
    """

    value: State = "zero"
    gradient: State = "zero"
    state: State = "zero"


@dataclass(frozen=True)
class Gone(Zeros):
    """Pruned weights are zero in every respect."""


@dataclass(frozen=True)
class Alive(Zeros):
    """Pruned weights live on under the mask (straight-through): they get the gradient of the pruned network."""

    value: State = "live"
    gradient: State = "live"
    state: State = "live"

"""Images whose answer hangs on the last bits: there another processor, or the authors', may have answered otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

CLOSE = 1e-4
"""Two logits this close, relative to the larger magnitude of the two, count as tied. Fixed before anything ran."""


def near_ties(logits: Tensor, k: int = 1) -> Tensor:
    """Whether the `k`-th largest logit of each image is nearly tied with the next; bool (images,).

    For k = 1 these are images whose two largest logits differ by less than `CLOSE`; for a top-5 accuracy it is the
    fifth and the sixth that decide.
    """
    found = logits.topk(k + 1, dim=1).values.double()
    last, next_ = found[:, k - 1], found[:, k]
    return (last - next_) <= CLOSE * last.abs().maximum(next_.abs())

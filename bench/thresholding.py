"""Soft thresholds: sign(w) · relu(|w| − t) with one t per tensor, for all tensors at once.

Step by step, as autograd would have it, this is a dozen operators per tensor there and back, and launching them takes
longer than the work. Backwards, a weight of which something is left gets its gradient as it is, any other none; a
threshold gets minus the sum of those, each with its weight's sign.
"""

from __future__ import annotations

from typing import Any

import torch

from bench.tensors import NamedTensors


def soft_threshold(weights: NamedTensors, thresholds: torch.Tensor) -> NamedTensors:
    """The weights without what a threshold takes off them; differentiable in both.

    Args:
        weights: of any shapes.
        thresholds: one for each tensor, in their order: (tensors,), not negative.
    """
    left = _SoftThreshold.apply(thresholds, *weights.tensors())  # type: ignore[no-untyped-call]
    return NamedTensors(zip(weights, left, strict=True))


class _SoftThreshold(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, thresholds: torch.Tensor, *weights: torch.Tensor) -> tuple[torch.Tensor, ...]:
        left = torch._foreach_abs(weights)
        torch._foreach_sub_(left, thresholds.unbind())
        torch._foreach_clamp_min_(left, 0.0)
        torch._foreach_mul_(left, torch._foreach_sign(weights))
        ctx.save_for_backward(*torch._foreach_sign(left))
        return tuple(left)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, ...]:
        signs = ctx.saved_tensors
        along = torch._foreach_mul(gradients, signs)  # away from 0, and none where nothing is left
        passed = torch._foreach_mul(along, signs)
        return -torch.stack([each.sum() for each in along]), *passed

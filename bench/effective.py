"""Which kept weights still matter: those on a live path from the input to the output.

A kept weight whose inputs are all cut off, or whose output nobody reads, does nothing. At 98 % sparsity and beyond,
methods that collapse layers keep many such weights, and their direct sparsity flatters them; the effective sparsity
counts only live ones (Vysogorets and Kempe 2023, "Connectivity Matters", arXiv:2107.02306).

Found exactly, by one pass forward and one back in a copy of the network whose arithmetic is that of paths: a weight
is its mask, an image is all ones, normalisation, activation and dropout let everything through, maxima become averages,
and after each layer what is positive becomes 1, in both directions, so that nothing can underflow. A weight is live if
and only if its gradient is then positive. Biases do not count: what only a bias feeds is a constant.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from bench.counting.graph import LAYERS, POINTWISE

_SUMS = "convolution addmm mm add add_ mean sum avg_pool2d _adaptive_avg_pool2d gt"
_MOVES = "t transpose permute view _unsafe_view clone detach slice split cat constant_pad_nd _to_copy"

OPERATORS = frozenset([*_SUMS.split(), *_MOVES.split()])
"""What may happen in the copy: operators whose output is positive where an input they read is, and only there."""


class UndefinedError(Exception):
    """Liveness is not defined: the network does something that is neither a weighted sum nor lets channels through."""


def effective_masks(
    model: nn.Module, masks: Mapping[str, Tensor], shape: tuple[int, int, int]
) -> dict[str, Tensor] | None:
    """The weights on a live path, for each mask.

    Args:
        model: the network; it is copied, never changed.
        masks: by weight name, of the weights' shape, not 0 where a weight is kept. Other weights count as kept.
        shape: of one image, (C, H, W). Padding matters: where maps are small, some weights only ever meet zeros.

    Returns:
        Boolean masks, on the masks' devices; or None for a network that multiplies or normalises activations across
        channels (attention, layer normalisation, squeeze-and-excitation), where the notion is undefined.
    """
    copy = _without_hooks(deepcopy(model)).cpu().double().eval()
    image = torch.ones(1, *shape, dtype=torch.float64)
    try:
        weights = _as_paths(copy, masks)
        with torch.enable_grad(), _Transparent(), _Watch():  # type: ignore[no-untyped-call]
            paths = copy(image).sum()
    except UndefinedError:
        return None
    gradients = torch.autograd.grad(paths, [weights[name] for name in masks], allow_unused=True)
    return {
        name: (mask != 0) & (gradient > 0).to(mask.device) if gradient is not None else torch.zeros_like(mask).bool()
        for (name, mask), gradient in zip(masks.items(), gradients, strict=True)
    }


def _without_hooks(model: nn.Module) -> nn.Module:
    """Take off what a method hooked to the network: which paths exist is a matter of weights, not of gates."""
    for module in model.modules():
        module._forward_pre_hooks.clear()
        module._forward_hooks.clear()
    return model


def _as_paths(model: nn.Module, masks: Mapping[str, Tensor]) -> dict[str, nn.Parameter]:
    """Turn a network into one that counts paths, in place; its weights by name."""
    if len(list(model.parameters())) < len(list(model.named_parameters(remove_duplicate=False))):
        raise UndefinedError  # one tensor in two layers: a mask would act in both, a gradient would not tell them apart
    _replace(model)
    weights = {}
    for path, module in model.named_modules():
        if isinstance(module, LAYERS):
            mask = masks.get(f"{path}.weight", torch.ones(()))
            kept = (mask != 0).to("cpu", torch.float64).expand_as(module.weight)
            weights[f"{path}.weight"] = module.weight = nn.Parameter(kept.clone())
            module.bias = None
            module.register_forward_hook(lambda _module, _inputs, output: _positive(output))
    if not masks.keys() <= weights.keys():
        raise UndefinedError  # a weight that is neither a convolution's nor a linear layer's
    return weights


def _replace(module: nn.Module) -> None:
    for name, child in list(module._modules.items()):  # unlike `named_children`, also a module's second name
        if isinstance(child, (*POINTWISE, _BatchNorm)):
            setattr(module, name, nn.Identity())
        elif isinstance(child, nn.MaxPool2d):
            setattr(module, name, _average(child))
        elif isinstance(child, nn.AdaptiveMaxPool2d):
            setattr(module, name, nn.AdaptiveAvgPool2d(child.output_size))
        elif child is not None:
            _replace(child)


def _average(pool: nn.MaxPool2d) -> nn.AvgPool2d:
    if pool.dilation not in (1, (1, 1)) or pool.return_indices:
        raise UndefinedError
    return nn.AvgPool2d(pool.kernel_size, pool.stride, pool.padding, pool.ceil_mode)


def _positive(x: Tensor) -> Tensor:
    paths: Tensor = _Positive.apply(x)  # type: ignore[no-untyped-call]
    return paths


class _Positive(torch.autograd.Function):
    """1 where a value is positive, and 1 where the gradient is: sums of paths become "is there a path"."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return (x > 0).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return (gradient > 0).to(gradient.dtype)


class _Transparent(TorchFunctionMode):
    """Activations that are functions let every channel through, as modules do."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if getattr(func, "__name__", "").strip("_") in POINTWISE.values():
            return args[0] if args else (kwargs or {})["input"]
        return func(*args, **(kwargs or {}))


class _Watch(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Stops at the first operator that is not on the list."""

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func.overloadpacket.__name__ not in OPERATORS:
            raise UndefinedError
        return func(*args, **(kwargs or {}))

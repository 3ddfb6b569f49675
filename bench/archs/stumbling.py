"""Where in a network an image gets stuck, in our own words: which module can't take which maps."""

from __future__ import annotations

import traceback
from contextlib import ExitStack
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from bench.base.modes import evaluating


def where(model: nn.Module, image: Tensor) -> str:
    """The innermost module that fails when `image`, (1, C, H, W), passes, and what it was given; empty if none fails.

    The network is run once in evaluation mode, and its mode is left as it was.
    """
    entered: list[tuple[str, nn.Module, str]] = []

    def begins(name: str, module: nn.Module, inputs: tuple[Any, ...]) -> None:
        entered.append((name, module, _sizes(inputs)))

    def ends(_module: nn.Module, _inputs: tuple[Any, ...], _output: Any) -> None:
        entered.pop()

    with ExitStack() as hooks, evaluating(model), torch.no_grad():
        for name, module in model.named_modules():
            hooks.enter_context(module.register_forward_pre_hook(partial(begins, name)))
            hooks.enter_context(module.register_forward_hook(ends))
        try:
            model(image)
        except Exception:  # whatever a module says in torch's words or none
            return _told(entered[-1], model) if entered else ""
    return ""


def while_built(error: BaseException) -> str:
    """The class of the innermost module that was being made when an exception arose; empty if none was."""
    innermost = ""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        made = frame.f_locals.get("self")
        innermost = type(made).__name__ if isinstance(made, nn.Module) else innermost
    return innermost


def _told(stuck: tuple[str, nn.Module, str], model: nn.Module) -> str:
    name, module, sizes = stuck
    kind = type(module).__name__
    return f"it does not accept them ({kind})" if module is model else f"its '{name}' ({kind}) does not accept {sizes}"


def _sizes(inputs: tuple[Any, ...]) -> str:
    shapes = ["x".join(map(str, each.shape[1:])) for each in inputs if isinstance(each, Tensor)]
    return f"maps of {', '.join(shapes)}" if shapes else "what it is given"

"""The optimizer of a recipe and its learning rate as a function of the step."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import nn

from bench.recipe import Optimizer
from bench.recipe.phase import Phase

NORMS = (nn.modules.batchnorm._BatchNorm, nn.LayerNorm, nn.GroupNorm)


def learning_rate(phase: Phase, step: int, steps_per_epoch: int) -> float:
    """The learning rate of optimizer step `step` (from 0), as torch's schedulers would give it.

    Written as a function of the step rather than as a scheduler object, so that a resumed run and a run that starts in
    the middle (rewinding) need no history.
    """
    here = float(step if phase.steps is not None else step / steps_per_epoch)
    if here < phase.warmup:
        return phase.lr * here / phase.warmup
    if phase.scheduler_first and phase.epochs is not None:
        here += 1
    if phase.schedule == "multistep":  # a budget makes milestones fractional: the rate drops there, not an epoch later
        return phase.lr * phase.gamma ** sum(here >= milestone for milestone in phase.milestones)
    if phase.schedule == "cosine":
        whole = math.floor(here) if phase.per == "epoch" and phase.epochs is not None else here
        done = min(whole / phase.length, 1.0)
        return phase.minimum_lr + (phase.lr - phase.minimum_lr) * (1 + math.cos(math.pi * done)) / 2
    return phase.lr


def build(
    settings: Optimizer,
    modules: list[nn.Module],
    own_decay: set[int],
    own_groups: Sequence[dict[str, Any]] = (),
    recorded_on: torch.device | None = None,
) -> torch.optim.Optimizer:
    """The optimizer over all parameters of `modules`.

    Args:
        settings: the recipe's optimizer.
        modules: the network, and what a method added to it.
        own_decay: ids of parameters whose decay the training loop applies itself (`bench.training.decay`).
        own_groups: groups with settings of their own (`Method.parameter_groups`); `set_rate` leaves their rates alone.
        recorded_on: the device whose steps are recorded (`bench.training.capture`): the rate is then a tensor there,
            and all parameters are updated by one fused kernel, which reads it without asking for its value. Its
            roundings differ from those of the usual one in the last bit.
    """
    free = {id(parameter) for module in modules for parameter in _not_decayed(module, settings)} | own_decay
    elsewhere = {id(parameter) for group in own_groups for parameter in group["params"]}
    parameters = list(dict.fromkeys(p for module in modules for p in module.parameters() if p.requires_grad))
    parameters = [parameter for parameter in parameters if id(parameter) not in elsewhere]
    groups = [
        {"params": [p for p in parameters if id(p) not in free], "weight_decay": settings.weight_decay},
        {"params": [p for p in parameters if id(p) in free], "weight_decay": 0.0},
    ]
    fused = recorded_on is not None or None  # None leaves the choice to torch
    rate = torch.zeros((), device=recorded_on) if fused else 0.0
    if settings.bias_rate != 1:
        biases = {id(parameter) for module in modules for parameter in _biases(module)}
        own = {"times": settings.bias_rate, "lr": rate.clone() if isinstance(rate, torch.Tensor) else rate}
        apart = [group | own for group in _only(groups, lambda parameter: id(parameter) in biases)]
        groups = [*_only(groups, lambda parameter: id(parameter) not in biases), *apart]
    groups += [group | {"constant": True} for group in own_groups]
    groups = [group for group in groups if group["params"]]
    if settings.name == "adamw":
        on_gpu = recorded_on is not None and recorded_on.type == "cuda"  # elsewhere torch refuses what follows
        return torch.optim.AdamW(
            groups, lr=rate, betas=settings.betas, eps=settings.eps, fused=fused, capturable=on_gpu
        )
    return torch.optim.SGD(groups, lr=rate, momentum=settings.momentum, nesterov=settings.nesterov, fused=fused)


SETTINGS = ("lr", "fused", "capturable", "foreach")
"""What a group of the optimizer says of how it is carried out where it is, not of what it does."""


def restore(optimizer: torch.optim.Optimizer, saved: Mapping[str, Any]) -> None:
    """Go on from the state of an optimizer that may have worked on another device, or without recorded steps.

    Moments and learning rates are the saved ones. How a rate is held (a recording reads it from a tensor, and would
    burn a number in) and which kernel updates the parameters stay as `build` has chosen them for this device.

    Args:
        optimizer: over the same parameters, in the same groups.
        saved: what the other one's `state_dict` gave.
    """
    groups = []
    for group, theirs in zip(optimizer.param_groups, saved["param_groups"], strict=True):
        own = {name: group[name] for name in SETTINGS if name in group}
        rate = float(theirs["lr"])
        own["lr"] = torch.full_like(group["lr"], rate) if isinstance(group["lr"], torch.Tensor) else rate
        groups.append(theirs | own)
    optimizer.load_state_dict({**saved, "param_groups": groups})


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Set the learning rate of every group but those that keep one of their own; in place where it is a tensor."""
    for group in optimizer.param_groups:
        if group.get("constant"):
            continue
        if isinstance(group["lr"], torch.Tensor):
            group["lr"].fill_(rate * times(group))
        else:
            group["lr"] = rate * times(group)


def times(group: Mapping[str, Any]) -> float:
    """What the recipe's learning rate is multiplied by in a group of the optimizer."""
    factor: float = group.get("times", 1.0)
    return factor


def current_rate(optimizer: torch.optim.Optimizer) -> float | torch.Tensor:
    """The learning rate that `set_rate` has set: a 0-d tensor where steps are recorded."""
    groups = (group for group in optimizer.param_groups if not group.get("constant") and times(group) == 1)
    rate: float | torch.Tensor = next(group["lr"] for group in groups)
    return rate


def decayed(modules: Sequence[nn.Module], settings: Optimizer) -> list[nn.Parameter]:
    """The parameters of some modules that have weight decay, each once."""
    free = {id(parameter) for module in modules for parameter in _not_decayed(module, settings)}
    return [p for p in dict.fromkeys(p for module in modules for p in module.parameters()) if id(p) not in free]


def _only(groups: Sequence[dict[str, Any]], chosen: Callable[[nn.Parameter], bool]) -> list[dict[str, Any]]:
    return [group | {"params": list(filter(chosen, group["params"]))} for group in groups]


def _not_decayed(module: nn.Module, settings: Optimizer) -> list[nn.Parameter]:
    free = _biases(module) if "bias" in settings.decay_excludes else []
    if "norm" in settings.decay_excludes:
        free += [p for part in module.modules() if isinstance(part, NORMS) for p in part.parameters(recurse=False)]
    return free


def _biases(module: nn.Module) -> list[nn.Parameter]:
    """Those of all layers but normalisation."""
    parts = [dict(part.named_parameters(recurse=False)) for part in module.modules() if not isinstance(part, NORMS)]
    return [own["bias"] for own in parts if "bias" in own]

"""What a method must have left as it was: looked at when a stage ends, before anything is measured.

A method may do with weights, masks and losses what it likes. What it declares about pruned weights has to hold
(`bench.zeros`), scoring has to leave no trace, the optimizer is the recipe's, and the masks are those that the engine
applies and counts. A method that breaks one of these ends in an error that says which. The contract tests try the same
on every method before it is used; this catches what shows only on another network or recipe.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from bench.context import Run
from bench.errors import UserError
from bench.optimization import times
from bench.structure import Filters

Tensors = dict[str, torch.Tensor]


class Inspection:
    """Remembers how a stage begins.

    Args:
        run: the stage's state, with its optimizer, before the first step.

    Attributes:
        rate: the learning rate of the last step, None before there was one.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self.masks, self.optimizer, self.groups = dict(run.masks), run.optimizer, _groups(run.optimizer)
        self.rate: float | None = None
        self._scored = False

    @contextmanager
    def scoring(self) -> Iterator[None]:
        """Look at what the stage's first scoring leaves behind; the later ones are the same code, and cost nothing."""
        own = vars(self.run.method)
        score = self.run.method.saliency

        def watched(run: Run, *more: Any, **named: Any) -> Any:
            self._scored = True
            own.pop("saliency", None)
            before = _copies(_scored(run))
            found = score(run, *more, **named)
            if changed := _changed(before, _scored(run)):
                raise self._broken(f"computing its saliency changed {changed}")
            return found

        if not self._scored:
            own["saliency"] = watched  # the instance's, in front of the class's
        try:
            yield
        finally:
            own.pop("saliency", None)

    def training_ended(self) -> None:
        """After the last step: the optimizer is the recipe's, and pruned weights are what the method declares."""
        self.stage_ended()
        run, zeros = self.run, self.run.method.zeros
        if run.optimizer is not self.optimizer:
            raise self._broken("it replaced the optimizer")
        if _groups(run.optimizer) != self.groups:
            raise self._broken("it changed the optimizer's parameter groups or settings")
        for group in self._optimizer.param_groups:
            if self.rate is None or group.get("constant"):
                continue
            found, right = float(group["lr"]), self.rate * times(group)
            if not math.isclose(found, right, rel_tol=1e-6):
                raise self._broken(f"it changed the learning rate from {right:g} to {found:g}")
        if zeros.value == "zero" and (name := self._live({n: [p] for n, p in run.parameters.items()})):
            raise self._broken(f"pruned weights of '{name}' are not 0, as it declares")
        if (zeros.gradient, zeros.state) == ("zero", "zero"):
            states = {n: list(self._optimizer.state.get(p, {}).values()) for n, p in run.parameters.items()}
            if name := self._live(states):
                raise self._broken(f"the optimizer's state of pruned weights of '{name}' is not 0, as it declares")

    def stage_ended(self) -> None:
        """After `Method.on_train_end`: the masks are the tensors that act on the weights, of zeros and ones."""
        masks, structure = self.run.masks, self.run.method.structure
        for name, mask in self.masks.items():
            if masks.get(name) is not mask or len(masks) != len(self.masks):
                raise self._broken(f"it replaced the mask of '{name}'; masks are changed in place")
            if not bool(((mask == 0) | (mask == 1)).all()):
                raise self._broken(f"the mask of '{name}' holds other values than 0 and 1")
            if isinstance(structure, Filters) and not bool((mask.flatten(1) == mask.flatten(1)[:, :1]).all()):
                raise self._broken(f"the mask of '{name}' removes parts of filters, and its structure is whole ones")

    @contextmanager
    def diagnosing(self) -> Iterator[None]:
        """What is measured is kept before the method looks at it, and later stages start from it: it stays as it is."""
        before = _copies(_kept(self.run))
        yield
        if changed := _changed(before, _kept(self.run)):
            raise self._broken(f"its diagnostics changed {changed}")

    @property
    def _optimizer(self) -> torch.optim.Optimizer:
        assert self.optimizer is not None
        return self.optimizer

    def _live(self, values: dict[str, list[Any]]) -> str:
        """The first prunable tensor of which something is not 0 where the mask is; an empty string if none is.

        NaN passes: masking does not remove it, and such a network has diverged.
        """
        for name, mask in self.masks.items():
            for value in (each for each in values[name] if isinstance(each, torch.Tensor) and each.shape == mask.shape):
                if bool(((value.abs() > 0) & (mask == 0)).any()):
                    return name
        return ""

    def _broken(self, what: str) -> UserError:
        return UserError(f"method '{self.run.method.name}' in stage '{self.run.stage.name}': {what}.")


def _groups(optimizer: torch.optim.Optimizer | None) -> list[dict[str, Any]]:
    """The settings of all groups, with their parameters by id; the rate only where it is the method's own."""
    return [
        {name: value for name, value in group.items() if name != "lr" or group.get("constant")}
        | {"params": [id(parameter) for parameter in group["params"]]}
        for group in (optimizer.param_groups if optimizer else [])
    ]


def _network(run: Run) -> Tensors:
    found = {f"'{name}'": value for name, value in run.model.state_dict().items()}
    found |= {f"the mask of '{name}'": value for name, value in run.masks.items()}
    return found | {f"'{name}' of its extras": value for name, value in run.extras.state_dict().items()}


def _scored(run: Run) -> Tensors:
    """All that scoring must not touch, by name."""
    found = _network(run) | {"the default random generator": torch.get_rng_state()}
    for name, parameter in run.model.named_parameters():
        state = run.optimizer.state.get(parameter, {}) if run.optimizer else {}
        found |= {f"the {key} of '{name}'": each for key, each in state.items() if isinstance(each, torch.Tensor)}
    return found


def _kept(run: Run) -> Tensors:
    """All that is kept of a finished stage, by name."""
    return _network(run) | {f"'{name}' of its state": value for name, value in run.state.items()}


def _copies(tensors: Tensors) -> Tensors:
    return {name: tensor.detach().clone() for name, tensor in tensors.items()}


def _changed(before: Tensors, after: Tensors) -> str:
    """The first name whose tensor is not what it was, is new or is gone; an empty string if all is as before."""
    same = {name for name, tensor in after.items() if name in before and _equal(before[name], tensor)}
    return next((name for name in [*before, *after] if name not in same), "")


def _equal(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Equal to the last bit, where NaN equals NaN."""
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    return bool(((one == other) | ((one != one) & (other != other))).all())

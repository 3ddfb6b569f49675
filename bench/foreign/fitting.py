"""Names of somebody's weights made those of a network of ours, and what is pruned made zero."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from bench.errors import UserError

PREFIXES = ("module.", "_orig_mod.", "model.", "net.", "network.", "backbone.", "_model.")
"""What wrappers, and modules that hold a network, put in front of its names."""

INNER = ("module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module")
"""What wrappers of a part of a network put into the middle of names."""

CLASSIFIERS = ("fc", "linear", "classifier", "head", "head.fc")
"""What the last layer is called in one place or another."""


@dataclass(frozen=True)
class Fitted:
    """Weights under a network's own names.

    Attributes:
        state: ready for `load_state_dict`.
        prefix: what was taken off all names.
        masked: how many tensors were multiplied by a mask that the file has beside them.
    """

    state: dict[str, Tensor]
    prefix: str
    masked: int


def fitted(model: nn.Module, state: Mapping[str, Tensor], source: str = "the weights") -> Fitted:
    """Rename `state` to the names of `model`.

    Prefixes (`PREFIXES`) and wrappers (`INNER`) are taken off. A weight with a mask beside it (``weight_orig`` and
    ``weight_mask`` of `torch.nn.utils.prune`, or ``weight`` and ``weight_mask``) is multiplied by it. The classifier
    may be called by any of `CLASSIFIERS` and the shortcut ``shortcut`` or ``downsample``; counters of batches, which
    old files lack, are taken from `model`.

    Raises:
        UserError: one sentence that begins with `source` and names what doesn't fit.
    """
    own = model.state_dict()
    products, masked = _masked(state, own, source)
    named, prefix = _without_prefix(products, own)
    classifier, missing = _classifier(model), own.keys() - named.keys()
    renamed = {name if name in own else _renamed(name, missing, classifier): value for name, value in named.items()}
    if len(renamed) < len(named):
        raise UserError(f"{source} have two tensors for one of {type(model).__name__}: {', '.join(named)[:300]}.")
    renamed |= {name: own[name] for name in own.keys() - renamed.keys() if name.endswith("num_batches_tracked")}
    problems = [
        _listed("there is no", own.keys() - renamed.keys()),
        _listed("nothing is called", renamed.keys() - own.keys()),
        *(_misfit(name, renamed[name], own[name]) for name in own if name in renamed),
    ]
    if said := "; ".join(problem for problem in problems if problem):
        raise UserError(f"{source} do not fit {type(model).__name__}: {said}.")
    return Fitted(renamed, prefix, masked)


def _without_prefix(state: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], str]:
    named, taken = dict(state), ""
    while named and not named.keys() & own.keys():
        prefix = next((each for each in PREFIXES if all(name.startswith(each) for name in named)), "")
        if not prefix:
            break
        taken += prefix
        named = {name.removeprefix(prefix): value for name, value in named.items()}
    return named, taken


def _masked(state: Mapping[str, Tensor], own: Mapping[str, Tensor], source: str) -> tuple[dict[str, Tensor], int]:
    """The products of weights and masks, under the weights' names, and how many there are."""
    products, count = dict(state), 0
    if any(name.endswith("_mask") for name in own):
        return products, count  # the network multiplies by itself
    for name, mask in state.items():
        weight = name.removesuffix("_mask")
        stored = next((each for each in (f"{weight}_orig", weight) if each in state), name)
        if stored == name:
            continue
        if mask.shape != state[stored].shape or not bool(((mask == 0) | (mask == 1)).all()):
            raise UserError(f"{source} have a mask, '{name}', that is not one 0 or 1 for each value of '{stored}'.")
        if stored != weight and weight in state:
            raise UserError(f"{source} hold '{weight}' and '{stored}': it is not clear which of them is meant.")
        del products[name], products[stored]
        products[weight] = state[stored] * mask.to(state[stored].dtype)
        count += 1
    return products, count


def _misfit(name: str, value: Tensor, own: Tensor) -> str:
    if value.shape != own.shape:
        return f"'{name}' is {_size(value)} instead of {_size(own)}"
    if own.is_floating_point() and not value.is_floating_point():
        kind = str(value.dtype).removeprefix("torch.")
        return f"'{name}' holds whole numbers ({kind}), codes whose scale is not told, instead of weights"
    return ""


def _classifier(model: nn.Module) -> str:
    getter = getattr(model, "get_classifier", None)
    last = getter() if callable(getter) else None
    return next((name for name, module in model.named_modules() if module is last), "fc")


def _renamed(name: str, missing: Iterable[str], classifier: str) -> str:
    name = ".".join(part for part in name.split(".") if part not in INNER)
    if name in missing:
        return name
    for theirs, ours in [*((other, classifier) for other in CLASSIFIERS), ("shortcut", "downsample")]:
        candidate = re.sub(rf"(^|\.){re.escape(theirs)}\.", rf"\g<1>{ours}.", name, count=1)
        if candidate in missing:
            return candidate
    return name


def _listed(what: str, names: Iterable[str]) -> str:
    first, *others = sorted(names) or [""]
    more = f" (and {len(others)} more)" if others else ""
    return f"{what} '{first}'{more}" if first else ""


def _size(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "a single number"

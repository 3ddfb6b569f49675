"""Weight files: ours, which plain timm can read, and other people's, whose names are fitted to a network of ours."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor, nn

from bench.errors import UserError, printable
from bench.record import write_atomic

CONTAINERS = ("state_dict", "model", "model_state_dict", "net")
"""Under one of these a training checkpoint keeps the weights."""

WRAPPERS = ("module.", "_orig_mod.")
"""What `DataParallel` and `torch.compile` put in front of every name."""

CLASSIFIERS = ("fc", "linear", "classifier", "head", "head.fc")
"""What the last layer is called in one place or another."""


def save_state(state: Mapping[str, Tensor], path: Path, metadata: Mapping[str, str]) -> None:
    """Write a state dict as safetensors, atomically; the same values and metadata give the same bytes.

    `metadata` becomes one JSON text under the key ``reprune`` of the file's header: safetensors writes several keys in
    an order that changes from call to call. Tensors are stored contiguous, so their memory format is lost.
    """
    # A clone each, for safetensors refuses tensors that share memory.
    plain = {name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format) for name, tensor in state.items()}
    header = {"reprune": json.dumps(dict(metadata), sort_keys=True)} if metadata else None
    write_atomic(path, safetensors.torch.save(plain, header))


def load_state(path: Path) -> dict[str, Tensor]:
    """Read a state dict on the CPU: safetensors, or what `torch.save` wrote (.pt, .pth, .th).

    The weights are taken out of a training checkpoint (`CONTAINERS`), and prefixes common to all names (`WRAPPERS`)
    are taken off. Nothing but tensors and plain values is unpickled.

    Raises:
        UserError: if there is no such file or there are no weights in it.
    """
    if not path.is_file():
        raise UserError(f"{path}: there is no such file.")
    state = _read(path)
    for container in CONTAINERS:
        if isinstance(state, dict) and isinstance(state.get(container), dict):
            state = state[container]
    if not isinstance(state, dict) or not state or not all(map(_is_weight, state, state.values())):
        raise UserError(f"{path}: expected a state dict, alone or under one of {', '.join(CONTAINERS)}.")
    while prefix := _common_wrapper(state):
        state = {name.removeprefix(prefix): value for name, value in state.items()}
    return state


def fit(model: nn.Module, state: Mapping[str, Tensor], source: str = "the weights") -> dict[str, Tensor]:
    """Rename `state` to the names of `model`, ready for `load_state_dict`.

    The classifier may be called by any of `CLASSIFIERS` and the shortcut ``shortcut`` or ``downsample``; counters of
    batches, which old files lack, are taken from `model`.

    Raises:
        UserError: one sentence that begins with `source` and names what doesn't fit.
    """
    own = model.state_dict()
    classifier = _classifier(model)
    missing = own.keys() - state.keys()
    fitted = {name if name in own else _renamed(name, missing, classifier): value for name, value in state.items()}
    fitted |= {name: own[name] for name in own.keys() - fitted.keys() if name.endswith("num_batches_tracked")}
    problems = [
        _listed("there is no", own.keys() - fitted.keys()),
        _listed("nothing is called", fitted.keys() - own.keys()),
        *(
            f"'{name}' is {_size(fitted[name])} instead of {_size(own[name])}"
            for name in own
            if name in fitted and fitted[name].shape != own[name].shape
        ),
    ]
    found = [problem for problem in problems if problem]
    if found:
        raise UserError(f"{source} do not fit {type(model).__name__}: {'; '.join(found)}.")
    return fitted


def _read(path: Path) -> Any:
    try:
        if path.suffix == ".safetensors":
            return safetensors.torch.load_file(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a hostile file makes the readers raise whatever they know; none is a mistake of ours
        reason = printable(" ".join(str(error).split()))[:120] or type(error).__name__
        raise UserError(f"{path}: can't be read as weights ({reason}).") from error


def _is_weight(name: Any, value: Any) -> bool:
    """Whether it is a name and a tensor whose values are there, laid out as usual, and real numbers."""
    plain = isinstance(value, Tensor) and value.layout == torch.strided and value.device.type == "cpu"
    return isinstance(name, str) and plain and not value.is_complex() and not value.is_quantized


def _common_wrapper(state: Mapping[str, Tensor]) -> str:
    return next((prefix for prefix in WRAPPERS if all(name.startswith(prefix) for name in state)), "")


def _classifier(model: nn.Module) -> str:
    getter = getattr(model, "get_classifier", None)
    last = getter() if callable(getter) else None
    return next((name for name, module in model.named_modules() if module is last), "fc")


def _renamed(name: str, missing: Iterable[str], classifier: str) -> str:
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

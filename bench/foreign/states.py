"""Which part of a checkpoint is the state dict of a network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from bench.errors import UserError
from bench.foreign.reading import check_dense, read, values

CONTAINERS = ("state_dict", "model", "model_state_dict", "net")
"""Under one of these a training checkpoint keeps the weights, in the order in which they are looked for."""

WRAPPERS = ("module.", "_orig_mod.")
"""What `DataParallel` and `torch.compile` put in front of every name."""

AVERAGED = "n_averaged"
"""Beside the weights of torch's `AveragedModel`: how many networks they are the mean of."""

DEEPEST = 3
"""Containers in each other that are looked into."""


@dataclass(frozen=True)
class Found:
    """The weights in a file.

    Attributes:
        state: by name.
        key: under which they stand, with dots between containers; empty if the file is nothing but weights.
        others: keys under which there are weights, too: a moving average, say.
        prefix: what was taken off all names.
    """

    state: dict[str, Tensor]
    key: str
    others: tuple[str, ...]
    prefix: str


def load(path: Path, key: str = "") -> Found:
    """Read the weights of a file: safetensors, or what `torch.save` wrote.

    Args:
        path: of the file; what it is is told by its bytes, whatever its name ends with.
        key: where they stand in a training checkpoint; by default alone, or under the first of `CONTAINERS`.

    Raises:
        UserError: one sentence that says what the file is, or what is in it instead.
    """
    candidates = dict(_candidates(read(path), set()))
    chosen = _choose(candidates, key, path)
    tensors = candidates[chosen]
    check_dense(tensors, path)
    state = {name: values(name, tensor, path) for name, tensor in tensors.items()}
    if all(name.startswith("module.") for name in state.keys() - {AVERAGED}) and len(state) > 1:
        state.pop(AVERAGED, None)
    prefix = ""
    while wrapper := next((each for each in WRAPPERS if all(name.startswith(each) for name in state)), ""):
        prefix += wrapper
        state = {name.removeprefix(wrapper): value for name, value in state.items()}
    return Found(state, chosen, tuple(name for name in candidates if name != chosen), prefix)


def _candidates(content: Any, seen: set[int], key: str = "", depth: int = 0) -> Iterator[tuple[str, dict[str, Tensor]]]:
    """Every state dict in a checkpoint, by the keys on the way to it; none is looked into twice."""
    if not isinstance(content, Mapping) or not content or id(content) in seen:
        return
    seen.add(id(content))
    if not all(isinstance(name, str) for name in content):
        return
    if all(isinstance(value, Tensor) for value in content.values()):
        yield key, dict(content)
    elif depth < DEEPEST:
        for name, value in content.items():
            yield from _candidates(value, seen, f"{key}.{name}" if key else name, depth + 1)


def _choose(candidates: Mapping[str, Any], key: str, path: Path) -> str:
    listed = ", ".join(f"'{name}'" for name in list(candidates)[:10])
    if key:
        if key not in candidates:
            there = f"there are some under {listed}" if any(candidates) else "they stand under no key"
            raise UserError(f"{path}: there are no weights under '{key}'; {there if candidates else 'there are none'}.")
        return key
    if not candidates:
        raise UserError(f"{path}: expected a state dict, alone or under one of {', '.join(CONTAINERS)}.")
    usual = [name for name in candidates if not name or all(part in CONTAINERS for part in name.split("."))]
    if not usual and len(candidates) > 1:
        raise UserError(f"{path}: there are weights under {listed}; a key has to say which are meant.")
    return min(usual, key=_rank) if usual else next(iter(candidates))


def _rank(key: str) -> tuple[int, ...]:
    return tuple(CONTAINERS.index(part) for part in key.split(".")) if key else ()

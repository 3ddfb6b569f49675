"""Weight files: ours, which plain timm can read, and other people's, whose names are fitted to a network of ours."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor, nn

from bench.base.atomic import write_atomic
from bench.errors import UserError
from bench.foreign.fitting import fitted
from bench.foreign.reading import read
from bench.foreign.states import load


def save_state(state: Mapping[str, Tensor], path: Path, metadata: Mapping[str, str]) -> None:
    """Write a state dict as safetensors, atomically; the same values and metadata give the same bytes.

    `metadata` becomes one JSON text under the key ``reprune`` of the file's header: safetensors writes several keys in
    an order that changes from call to call. Tensors are stored contiguous, so their memory format is lost.
    """
    # A clone each, for safetensors refuses tensors that share memory.
    plain = {name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format) for name, tensor in state.items()}
    header = {"reprune": json.dumps(dict(metadata), sort_keys=True)} if metadata else None
    write_atomic(path, safetensors.torch.save(plain, header))


def saved_state(path: Path) -> dict[str, Tensor]:
    """Read back what `save_state` wrote, under the very names. Raises `UserError` if it is not whole any more."""
    state = read(path)
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise UserError(f"{path}: the weights that were written there are not there any more.")
    return state


def load_state(path: Path, key: str = "") -> dict[str, Tensor]:
    """Read somebody's weights on the CPU: safetensors, or what `torch.save` wrote; see `bench.foreign.states.load`.

    They are taken out of a training checkpoint, and prefixes of `DataParallel` and `torch.compile` are taken off. All
    are finite, and sparse ones become dense. Nothing but tensors and plain values is unpickled.

    Raises:
        UserError: if there is no such file or there are no weights in it, saying what it is instead.
    """
    return load(path, key).state


def fit(model: nn.Module, state: Mapping[str, Tensor], source: str = "the weights") -> dict[str, Tensor]:
    """Rename `state` to the names of `model`, ready for `load_state_dict`; see `bench.foreign.fitting.fitted`.

    Raises:
        UserError: one sentence that begins with `source` and names what doesn't fit.
    """
    return fitted(model, state, source).state

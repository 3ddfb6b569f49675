"""Checkpoints: written whole or not at all, refused when damaged or not ours.

A checkpoint is a file of tensors and plain values behind one line of JSON that holds its checksum and whose it is. The
previous one is kept: if the newest cannot be read, the one before is used and the log says so. At no moment is there
neither: a job that is killed between the two renames of `save` leaves the previous one.
"""

from __future__ import annotations

import hashlib
import io
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from bench.base import distributed
from bench.base.atomic import write_atomic
from bench.base.disk import writing
from bench.results import seal
from bench.tensors import to_bytes

log = logging.getLogger(__name__)

CONTENT = ("model", "masks", "extras", "state")
"""The parts of a stage's state (`bench.training.train.Trainer.state`) that a later stage may start from or read."""


class Unusable(Exception):
    """A checkpoint that is damaged or another stage's; the message says why, in half a sentence."""


def save(path: Path, owner: str, content: dict[str, Any]) -> None:
    """Write a checkpoint atomically; an existing one becomes ``<name>.previous``. Of several ranks only rank 0 writes.

    Args:
        path: the file.
        owner: identity of the stage it belongs to; `load` refuses another's.
        content: tensors, numbers, strings, and lists and dicts of them.
    """
    if distributed.rank():
        return
    buffer = io.BytesIO()
    torch.save(content, buffer)
    if path.exists():
        with writing(path):
            path.replace(_previous(path))
    write_atomic(path, seal.sealed(buffer.getvalue(), owner))


def load(path: Path, owner: str, device: torch.device | str = "cpu") -> dict[str, Any] | None:
    """The newest usable checkpoint at `path`, or None. Every reason for passing one over is logged.

    What is passed over is deleted: `save` would make it the previous one, in the place of the last that is whole.
    """
    for candidate in (path, _previous(path)):
        try:
            return read(candidate, owner, device)
        except FileNotFoundError:  # also if another rank passed it over a moment ago
            continue
        except Unusable as problem:
            log.warning("checkpoint %s is passed over and deleted: %s", candidate.name, problem)
            candidate.unlink(missing_ok=True)
    return None


def read(path: Path, owner: str, device: torch.device | str = "cpu") -> dict[str, Any]:
    """What one file holds. Raises `Unusable` if it is damaged or not the owner's, OSError if it can't be read."""
    head, _, body = path.read_bytes().partition(b"\n")
    if problem := seal.problem(head, body, owner):
        raise Unusable(problem)
    try:
        content: dict[str, Any] = torch.load(io.BytesIO(body), map_location=device, weights_only=True)
        return content
    except Exception as error:  # torch raises some ten kinds; a checksum can be computed for any content
        what = f"it holds something else than tensors and plain values ({type(error).__name__})"
        raise Unusable(what) from None


def content_digest(state: Mapping[str, Any]) -> str:
    """SHA-256 (64 hex digits) of what a later stage can start from: weights, buffers, masks, what the method added.

    It is not the file's: a file also holds how many seconds the training took, and torch may write the same tensors in
    other bytes. Here names, types, shapes and bits count, whatever the memory format and the device. A mask that prunes
    nothing counts as none: a dense stage, which methods share, has masks for the prunable set of whoever trained it.

    Raises `Unusable` if it is no stage's state.
    """
    try:
        tensors = {f"{part}: {name}": value for part in CONTENT for name, value in state[part].items()}
    except (KeyError, AttributeError, TypeError):
        raise Unusable("it holds no stage's state") from None
    sha = hashlib.sha256()
    for name, value in sorted(tensors.items()):
        if not name.startswith("masks: ") or not bool(value.all()):
            sha.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
            sha.update(to_bytes(value))
    return sha.hexdigest()


def remove(path: Path) -> None:
    """Delete a checkpoint and the one before it."""
    if distributed.rank():
        return
    path.unlink(missing_ok=True)
    _previous(path).unlink(missing_ok=True)


def _previous(path: Path) -> Path:
    return path.with_name(f"{path.name}.previous")

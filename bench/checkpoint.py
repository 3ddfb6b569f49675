"""Checkpoints: written whole or not at all, refused when damaged or not ours.

A checkpoint is a file of tensors and plain values behind one line of JSON that holds its checksum and whose it is. The
previous one is kept: if the newest cannot be read, the one before is used and the log says so. At no moment is there
neither: a job that is killed between the two renames of `save` leaves the previous one.
"""

from __future__ import annotations

import io
import logging
from pathlib import Path
from typing import Any

import torch

from bench import distributed, seal
from bench.disk import writing
from bench.record import write_atomic

log = logging.getLogger(__name__)


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
            head, _, body = candidate.read_bytes().partition(b"\n")
        except FileNotFoundError:  # also if another rank passed it over a moment ago
            continue
        problem = seal.problem(head, body, owner)
        if problem is None:
            try:
                content: dict[str, Any] = torch.load(io.BytesIO(body), map_location=device, weights_only=True)
                return content
            except Exception as error:  # torch raises some ten kinds; a checksum can be computed for any content
                problem = f"it holds something else than tensors and plain values ({type(error).__name__})"
        log.warning("checkpoint %s is passed over and deleted: %s", candidate.name, problem)
        candidate.unlink(missing_ok=True)
    return None


def remove(path: Path) -> None:
    """Delete a checkpoint and the one before it."""
    if distributed.rank():
        return
    path.unlink(missing_ok=True)
    _previous(path).unlink(missing_ok=True)


def _previous(path: Path) -> Path:
    return path.with_name(f"{path.name}.previous")

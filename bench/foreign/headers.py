"""Headers of safetensors files, looked at before tensors are read: lengths, places and shapes are only claims."""

from __future__ import annotations

from pathlib import Path

from safetensors import SafetensorError, safe_open

from bench.errors import UserError

COUNT = 8
"""Bytes at the beginning that say how long the header is."""


def looks_like_one(head: bytes) -> bool:
    """Whether a file that begins so is one of safetensors: a header's length, which is no absurd one, and a brace."""
    return head[COUNT : COUNT + 1] == b"{" and int.from_bytes(head[:COUNT], "little") < 2**40


def check(path: Path) -> None:
    """Raise a `UserError` unless a header says something that can be true of its file."""
    try:
        with safe_open(path, framework="numpy"):
            pass
    except SafetensorError as error:
        reason = str(error).removeprefix("Error while deserializing header: ")
        raise UserError(f"{path} is a safetensors file that is cut off or damaged: {reason[:200]}.") from None

"""Headers of safetensors files, looked at before tensors are read: lengths, places and shapes are only claims."""

from __future__ import annotations

import json
from itertools import pairwise
from math import prod
from pathlib import Path
from typing import Any

from bench.errors import UserError

LONGEST = 16 * 2**20
"""Bytes of a header; that of a network with a thousand tensors has a hundred thousand."""

COUNT = 8
"""Bytes at the beginning that say how long the header is."""


def looks_like_one(head: bytes) -> bool:
    """Whether a file that begins so is one of safetensors: a header's length, which is no absurd one, and a brace."""
    return head[COUNT : COUNT + 1] == b"{" and int.from_bytes(head[:COUNT], "little") < 2**40


def check(path: Path) -> None:
    """Raise a `UserError` unless a header says something that can be true of its file."""
    if problem := _problem(path):
        raise UserError(f"{path} is a safetensors file that is cut off or damaged: {problem}.")


def _problem(path: Path) -> str:
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(COUNT), "little")
        if length > min(LONGEST, size - COUNT):
            return f"its header would have {length:,} bytes, the file has {size:,}"
        try:
            header = json.loads(file.read(length))
        except (ValueError, RecursionError):
            return "its header is not JSON"
    if not isinstance(header, dict):
        return "its header lists no tensors"
    header.pop("__metadata__", None)
    places = {name: _place(tensor) for name, tensor in header.items()}
    wrong = next((name for name, place in places.items() if place is None), None)
    if wrong is not None:
        return f"'{wrong[:100]}' has no size and place"
    return _misplaced([place for place in places.values() if place], size - COUNT - length)


def _place(tensor: Any) -> tuple[int, int] | None:
    """Where a tensor's bytes begin and end; None if its entry says no such thing."""
    if not isinstance(tensor, dict):
        return None
    shape, place = tensor.get("shape"), tensor.get("data_offsets")
    if not isinstance(shape, list) or not all(type(side) is int and 0 <= side < 2**63 for side in shape):
        return None
    if not isinstance(place, list) or len(place) != 2 or not all(type(end) is int for end in place):
        return None
    begin, end = place
    too_many = prod(shape) > 8 * (end - begin)  # no element has less than a bit
    return None if begin < 0 or end < begin or too_many else (begin, end)


def _misplaced(places: list[tuple[int, int]], there: int) -> str:
    places = sorted(places)
    ends = max((end for _, end in places), default=0)
    if any(first[1] > second[0] for first, second in pairwise(places)):
        return "its tensors overlap"
    return f"its tensors would have {ends:,} bytes, there are {there:,}" if ends != there else ""

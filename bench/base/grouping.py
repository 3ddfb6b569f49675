"""Values that belong together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable
from typing import TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


def grouped(pairs: Iterable[tuple[Key, Value]]) -> dict[Key, list[Value]]:
    """The values of each key; keys, and the values of each, in the order in which they come."""
    found: dict[Key, list[Value]] = {}
    for key, value in pairs:
        found.setdefault(key, []).append(value)
    return found


def tallied(pairs: Iterable[tuple[Key, Value]]) -> dict[Key, Counter[Value]]:
    """How often each key has each value."""
    return {key: Counter(values) for key, values in grouped(pairs).items()}

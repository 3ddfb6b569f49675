"""What a counter of ours returns."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Measured:
    """A count of ours, in ones (bytes, operations, parameters, fractions).

    Attributes:
        error: what it may be off because the source rounds what we count from (the sparsities of layers, say).
    """

    value: float
    error: float = 0.0

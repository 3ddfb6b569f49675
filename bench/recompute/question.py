"""What is to be measured. It does not say what is printed, so that no measurement can depend on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bench.recompute.metric import Metric


@dataclass(frozen=True)
class Question:
    """A cell without its printed numbers.

    Attributes:
        cell: its id.
        file: the key of the network file.
        procedure: the name of what is done to the network, with its `arguments`.
        metrics: which numbers are asked for.
    """

    cell: str
    file: str
    procedure: str
    arguments: dict[str, Any]
    metrics: tuple[Metric, ...]

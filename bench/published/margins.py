"""δ, how far ours may lie from a published number and reproduce it: data with reasons, `published/margins.yaml`."""

from __future__ import annotations

from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

from pydantic import Field

from bench.base.schema import Strict, read_yaml, shown
from bench.errors import UserError
from bench.published import PUBLISHED, SAME_SPARSITY

MARGINS = PUBLISHED / "margins.yaml"

EXTREME_SPARSITY = 0.98
"""From here on accuracies fall steeply and scatter more, and the margin is an entry's ``extreme``."""


class Margin(Strict):
    """An entry of the file.

    Attributes:
        dataset, architecture: names, or patterns in which * stands for anything.
        margin, extreme: in points of top-1 accuracy, below and from `EXTREME_SPARSITY` on.
        why: the reason, for whoever doubts it.
    """

    dataset: str = Field(min_length=1)
    architecture: str = "*"
    margin: float = Field(gt=0, le=100)
    extreme: float = Field(gt=0, le=100)
    why: str = Field(min_length=1)

    def fits(self, dataset: str, architecture: str) -> bool:
        """Whether the entry is about a network on a data set."""
        return fnmatchcase(dataset, self.dataset) and fnmatchcase(architecture, self.architecture)


@cache
def load(path: Path = MARGINS) -> tuple[Margin, ...]:
    """All entries. Raises `UserError` naming the file, the entry by its number, and the field."""
    stated = read_yaml(path) or []
    if not isinstance(stated, list):
        raise UserError(f"{path}: expected a list of margins, found {shown(stated)}.")
    return tuple(Margin.read(values, f"{path}, entry {number}") for number, values in enumerate(stated, 1))


def margin(dataset: str, architecture: str, sparsity: float) -> float | None:
    """δ for a network on a data set at a sparsity; None if none was fixed."""
    for entry in load():
        if entry.fits(dataset, architecture):
            return entry.extreme if sparsity >= EXTREME_SPARSITY - SAME_SPARSITY else entry.margin
    return None

"""The files of recipes as they are now, or as they were when a call of Snakemake was planned.

A job of a call, and its report, read the recipes that the call began with (`bench.plan.resolved`), whatever has
been written to the files since.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

from bench.base.schema import read_yaml
from bench.errors import UserError

RECIPES = Path(__file__).parents[2] / "configs" / "recipes"

_fixed: dict[str, Any] = {}


def fix(files: Mapping[str, Any]) -> None:
    """Let the recipes of this process be these from now on: what `present` gave at another time."""
    _fixed.update(files)


def present() -> dict[str, Any]:
    """What every file of a recipe says, by its name; one that cannot be read is left out, and is nobody's."""
    values = {}
    for path in sorted(RECIPES.glob("*.yaml")):
        try:
            values[path.stem] = read(path)
        except UserError:
            continue
    return values


def read(path: Path) -> Any:
    """The values of a recipe's file, to be changed at will. Raises `UserError`."""
    return deepcopy(_fixed[path.stem]) if _is_fixed(path) else read_yaml(path)


def exists(path: Path) -> bool:
    """Whether there is such a recipe."""
    return _is_fixed(path) or path.exists()


def _is_fixed(path: Path) -> bool:
    return path.parent == RECIPES and path.stem in _fixed

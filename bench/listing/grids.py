"""The grids that come with the suite."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from bench.errors import UserError
from bench.grid import Grid, load

ROOT = Path(__file__).parents[2]


def files() -> list[Path]:
    """The grids' files, those of papers last."""
    configs = ROOT / "configs"
    return [*sorted(configs.glob("*.yaml")), *sorted(configs.glob("papers/*.yaml"))]


@cache
def configured() -> dict[str, Grid]:
    """All grids that can be read, by their path inside the checkout."""
    found = {}
    for file in files():
        try:
            found[file.relative_to(ROOT).as_posix()] = load(file)
        except UserError:  # somebody's grid that is being written; `reprune plan` says what is wrong with it
            continue
    return found

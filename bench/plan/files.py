"""The grids that come with the suite."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from bench.base.nearest import meant, nearest
from bench.errors import UserError
from bench.plan.grid import Grid, load

ROOT = Path(__file__).parents[2]


def files() -> list[Path]:
    """The grids' files, those of papers last."""
    configs = ROOT / "configs"
    return [*sorted(configs.glob("*.yaml")), *sorted(configs.glob("papers/*.yaml"))]


def locate(grid: Path) -> Path:
    """The file of a grid that is named by its path, or by its name: ``quick``, ``papers/rigl``, ``rigl``.

    It is looked for in the folder one is in, and then in the checkout. Raises `UserError` with the nearest names.
    """
    if grid.exists():
        return grid
    name = grid if grid.suffix in (".yaml", ".yml") else grid.with_name(f"{grid.name}.yaml")
    places = (base / below / name for base in (Path(), ROOT) for below in ("", "configs", "configs/papers"))
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        known = [file.relative_to(ROOT / "configs").with_suffix("").as_posix() for file in files()]
        close = nearest(grid.stem, known)
        raise UserError(f"{grid}: there is no such file{f'; {meant(close)}' if close else '.'}")
    return found


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

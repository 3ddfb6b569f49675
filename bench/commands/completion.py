"""What a shell completes: names of methods, architectures, recipes, data sets, grids and runs.

Each function gets the letters so far and returns the names that begin with them. A shell waits for it after every tab,
so names come from file names wherever possible, and nothing big is imported.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import typer

ROOT = Path(__file__).parents[2]


def methods(incomplete: str) -> list[str]:
    """Methods, by their files."""
    import methods as package

    files = [file for folder in package.__path__ for file in Path(folder).glob("[!_]*.py")]
    return _beginning(incomplete, (file.stem for file in files))


def archs(incomplete: str) -> list[str]:
    """Our architectures, and timm's once a letter says that one is looked for."""
    from bench import archs as known

    return _beginning(incomplete, known.OWN if not incomplete else {*known.OWN, *known.timm_names()})


def recipes(incomplete: str) -> list[str]:
    """Recipes, by their files."""
    return _beginning(incomplete, (file.stem for file in ROOT.glob("configs/recipes/*.yaml")))


def datasets(incomplete: str) -> list[str]:
    """Data sets, described image folders among them."""
    from bench import data

    return _beginning(incomplete, data.names())


def networks(incomplete: str) -> list[str]:
    """Sources whose authors' networks can be evaluated, by their files."""
    return _beginning(incomplete, (file.stem for file in ROOT.glob("published/networks/*.yaml")))


def papers(incomplete: str) -> list[str]:
    """Papers by their arXiv number or a short name, as their files are called."""
    files = (*ROOT.glob("published/*.csv"), *ROOT.glob("published/*/*.csv"), *ROOT.glob("configs/papers/*.yaml"))
    return _beginning(incomplete, {file.stem for file in files})


def grids(incomplete: str) -> list[str]:
    """Grids below ``configs`` of the folder one is in; where none begins so, shells complete any file."""
    files = (*Path("configs").glob("*.yaml"), *Path("configs").glob("papers/*.yaml"))
    return _beginning(incomplete, map(str, files))


def sources(incomplete: str) -> list[str]:
    """Grids and kept folders."""
    kept = Path("reports").glob("*/*/grid.yaml")
    return [*grids(incomplete), *_beginning(incomplete, (str(file.parent) for file in kept))]


def runs(context: typer.Context, incomplete: str) -> list[str]:
    """Runs that have a record in the folder of results that was named, or the usual one."""
    results = Path(context.params.get("results") or "results")
    return _beginning(incomplete, (file.parent.name for file in results.glob("runs/*/record.json")))


def anything(context: typer.Context, incomplete: str) -> list[str]:
    """Whatever has results: runs, grids and kept folders."""
    return [*runs(context, incomplete), *sources(incomplete)]


def _beginning(incomplete: str, names: Iterable[str]) -> list[str]:
    return sorted(name for name in names if name.startswith(incomplete))

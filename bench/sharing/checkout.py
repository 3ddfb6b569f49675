"""The workflow as it goes into a crate: what it takes to plan, run and tabulate a grid once more, and nothing else."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from bench import catalog, names, published
from bench.errors import UserError
from bench.plan.lineage import method_of
from bench.results.provenance import ROOT

if TYPE_CHECKING:
    from bench.plan.grid import Plan

FILES = ("Snakefile", "pyproject.toml", "README.md", "LICENSE", "CITATION.cff")
FOLDERS = ("bench", "published", "envs", "profiles/default")

_SKIP = shutil.ignore_patterns("__pycache__", "*.pyc", ".*", "*.egg-info")


def copy(plan: Plan, folder: Path) -> None:
    """Copy the code of a plan's runs, with the methods, recipes and data sets that they name and no others.

    Raises `UserError` if this is no checkout.
    """
    if not (ROOT / FILES[0]).is_file():
        raise UserError(f"{ROOT} has no {FILES[0]}, so it is no checkout of reprune; export from one.")
    for name in FOLDERS:
        shutil.copytree(ROOT / name, folder / name, ignore=_SKIP)
    for source in [*(ROOT / name for name in FILES), *recipes(plan), *_datasets(plan)]:
        _copy(source, folder / source.relative_to(ROOT))
    for source in methods(plan):
        _copy(source, folder / "methods" / source.name)


def methods(plan: Plan) -> list[Path]:
    """The files of the plan's methods, with all that these import or run."""
    used = {"dense"}
    for spec in plan.runs:
        method = method_of(spec)
        stands_for = method.stands_for
        used |= {spec.method, *method.borrows, *([stands_for[0]] if stands_for else [])}
    found = {path for name in used for path in catalog.sources(name)}
    return sorted([*found, ROOT / "methods" / "__init__.py"])


def recipes(plan: Plan) -> list[Path]:
    """The files of the plan's recipes, and of those behind published numbers about its cells."""
    everything = published.load()
    rows = [row for cell in plan.cells for row in everything.rows_for(cell)]
    behind = {everything.protocols[row.protocol].recipe for row in rows}
    return _named("configs/recipes", {*(spec.recipe_text for spec in plan.runs), *filter(None, behind)})


def _datasets(plan: Plan) -> list[Path]:
    return _named("configs/datasets", {spec.dataset for spec in plan.runs})


def _named(folder: str, texts: Iterable[str]) -> list[Path]:
    """The YAML files of names such as ``cifar10[train.epochs=10]``, where there are such files."""
    paths = {ROOT / folder / f"{names.parse(text)[0]}.yaml" for text in texts}
    return sorted(path for path in paths if path.is_file())


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)

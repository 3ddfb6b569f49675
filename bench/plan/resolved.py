"""A call's grid, resolved once: what was planned is what is trained, tabulated and judged.

A call of Snakemake lasts hours, its jobs are processes of their own, and those on a cluster read the Snakefile anew.
So the first process writes down what it planned, and all others read that: the grid with the fields that were changed
for the call, its runs with their identities, and what the recipes' files said. Editing any of these files meanwhile
changes the next call. The file's name has a digest of its content, so no other call writes over it.
"""

from __future__ import annotations

import hashlib
import json
import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import yaml

from bench.base import plain_yaml, stores
from bench.base.atomic import write_atomic
from bench.base.schema import Strict, read_yaml, shown
from bench.errors import UserError, discreet
from bench.plan import grid, variants
from bench.plan.expansion import scaled
from bench.plan.grid import Cell, Grid, Plan
from bench.plan.variants import Variant
from bench.recipe import files as recipe_files
from bench.spec import RunSpec

SUFFIX = ".resolved.json"

STORE = "REPRUNE_STORE"
"""This environment variable hands an address with a password to a call's processes; no file ever holds one."""


@dataclass(frozen=True)
class Resolved:
    """A grid as one call has it.

    Attributes:
        source: the grid's file.
        changes: the fields that were changed for the call.
        recipes: what the files of recipes said.
    """

    grid: Grid
    plan: Plan
    source: str
    changes: Mapping[str, Any]
    recipes: Mapping[str, Any]

    @property
    def words(self) -> str:
        """The grid on a command line, ready for the shell: ``configs/quick.yaml budget=0.1``."""
        words = (f"{name}={plain_yaml.write(value)}" for name, value in self.changes.items())
        return shlex.join([self.source, *words])

    @property
    def path(self) -> Path:
        """Where it is written down."""
        stem = Path(f"{self.grid.name or 'grid'}{self.grid.variant.suffix}").name
        digest = hashlib.sha256(self.content).hexdigest()[:12]
        return Path(self.grid.results) / "grids" / f"{stem}-{digest}{SUFFIX}"

    @cached_property
    def content(self) -> bytes:
        """The file."""
        runs = [
            spec.model_dump(mode="json", exclude_defaults=True, exclude={"recipe", "budget"}) for spec in self.plan.runs
        ]
        cells = [
            [cell.dataset, cell.architecture, cell.method, cell.point, cell.runs, cell.skipped]
            for cell in self.plan.cells
        ]
        values = {
            "format": 1,
            "source": self.source,
            "changes": dict(self.changes),
            "variant": {"changes": dict(self.grid.variant.changes), "suffix": self.grid.variant.suffix},
            "grid": self.grid.model_dump(mode="json", exclude_defaults=True),
            "runs": runs,
            "cells": cells,
            "parent": self.plan.parent,
            "recipes": self.recipes,
        }
        return (json.dumps(values, ensure_ascii=False) + "\n").encode()

    def write(self) -> None:
        """Write the file, unless it exists, and hand the password on by `STORE`."""
        if not self.path.exists():
            write_atomic(self.path, self.content)
        if self.grid.tracking_uri:
            os.environ[STORE] = self.grid.tracking_uri


class _File(Strict):
    """The content of the file."""

    format: Literal[1]
    source: str
    changes: dict[str, Any]
    variant: dict[str, Any]
    grid: dict[str, Any]
    runs: list[dict[str, Any]]
    cells: list[tuple[str, str, str, float | None, list[tuple[int, str]], str]]
    parent: dict[str, str]
    recipes: dict[str, Any]


def changes(words: list[str]) -> dict[str, Any]:
    """Read ``budget=0.1`` and the like, as Snakemake's ``--config`` does. Raises `UserError` if it has another form."""
    found = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise UserError(f"{shown(word)} is not of the form FIELD=VALUE.")
        try:
            found[name] = plain_yaml.parse(value)
        except yaml.YAMLError as error:
            raise UserError(f"{shown(word)} has no plain YAML value ({' '.join(str(error).split())[:200]}).") from None
    return found


def opened(source: Path, asked: Mapping[str, Any]) -> Grid:
    """The grid of a file, with fields changed, in the folder of reports that is its own. Raises `UserError`."""
    return variants.settled(grid.load(source, dict(asked)), source)


def resolve(source: Path, asked: Mapping[str, Any]) -> Resolved:
    """What a file is about: a grid's, with fields changed, or one that an earlier process has resolved.

    Args:
        source: the file.
        asked: values of fields; those that the file has anyway change nothing.

    Raises `UserError`.
    """
    if source.name.endswith(SUFFIX):
        return read(source)
    own = read_yaml(source)
    own = own if isinstance(own, dict) else {}  # what else it may be, `grid.load` says
    changed = {name: value for name, value in asked.items() if own.get(name) != value or name == stores.FIELD}
    chosen = opened(source, changed)
    return Resolved(chosen, grid.expand(chosen), str(source), changed, recipe_files.present())


def read(path: Path) -> Resolved:
    """Read a resolved grid; from then on this process uses the recipes that stand in it. Raises `UserError`."""
    try:
        content = path.read_bytes()
        values = json.loads(content)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); start the call again.") from None
    except (ValueError, RecursionError):
        raise UserError(f"{path}: is damaged; delete it and start the call again.") from None
    if hashlib.sha256(content).hexdigest()[:12] not in path.name:
        raise UserError(f"{path}: has been changed since it was written; delete it and start the call again.")
    file = _File.read(values, str(path))
    recipe_files.fix(file.recipes)
    found = Grid.read(_with_password(file.grid), str(path)).varied(Variant(**file.variant))
    runs = [_spec(run, found.budget) for run in file.runs]
    cells = [
        Cell(dataset, architecture, method, point, tuple(ids), why)
        for dataset, architecture, method, point, ids, why in file.cells
    ]
    plan = Plan(runs, cells, file.parent)
    return Resolved(found, plan, file.source, file.changes, file.recipes)


def _spec(values: dict[str, Any], budget: float) -> RunSpec:
    return RunSpec(**values, budget=budget, recipe=scaled(values["recipe_text"], budget))


def _with_password(values: dict[str, Any]) -> dict[str, Any]:
    """The fields of a grid with the address that the environment hands on, if it is the one without its password."""
    address = os.environ.get(STORE, "")
    return values | {"tracking_uri": address} if address and discreet(address) == values.get("tracking_uri") else values

"""A kept folder: the records of a grid's runs, to be committed, and tables that are rebuilt from them alone.

``grid.yaml`` says which runs these are, ``records/<run>.json`` is what each left, ``latency/<run>.json`` how fast its
networks are, where that was measured, and ``churn.csv`` on how many images networks disagree. Nothing else is read: no
results, no data, no tracking store. Records are found by what was asked (data set, method, seed …) and not by their
identity, so tables can be rebuilt after the code has changed; how many records that concerns is said.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from bench import latency
from bench.base import regular
from bench.base.atomic import write_atomic, write_text
from bench.errors import UserError
from bench.identity import file_digest
from bench.plan.grid import Grid, Plan, expand, load
from bench.plan.variants import MACHINE
from bench.results import find
from bench.spec import RunSpec

if TYPE_CHECKING:
    from bench.results.measurements import Source

GRID, RECORDS = "grid.yaml", "records"

HEADER = "# The grid whose records lie beside this file; `reprune report` on this folder rebuilds its tables.\n"


@dataclass(frozen=True)
class Kept:
    """A kept folder as it was read.

    Attributes:
        plan: the grid's plan with the recorded runs in it, and today's where there is no record.
        records: by run id.
        outdated: ids of runs that today's code would give another identity.
    """

    grid: Grid
    plan: Plan
    records: dict[str, Source]
    outdated: list[str]

    @property
    def source(self) -> str:
        """Where the values of the tables come from; by which code they were measured, `bench.report.origins` says."""
        return "Values straight from the records kept with this table."


def keep(grid: Grid, folder: Path) -> str:
    """Copy the records of a grid's runs into `folder`, whatever their outcome, and write its ``grid.yaml``.

    Records of an earlier call that are no longer the grid's are removed. Returns one sentence on what was done; raises
    `UserError` if there is nothing to keep or the folder holds something else.
    """
    from bench.report import churn
    from bench.results import measurements

    if folder.exists() and any(folder.iterdir()) and not (folder / GRID).is_file():
        raise UserError(f"{folder} is not empty and has no {GRID}, so it is not a kept folder; name another one.")
    plan = expand(grid)
    runs = plan.runs
    sources = {f"{spec.id}.json": Path(grid.results) / "runs" / spec.id / "record.json" for spec in runs}
    found = {name: content for name, path in sources.items() if (content := _content(path)) is not None}
    if not found:
        raise UserError(f"none of the {len(runs)} runs of this grid has a record in {grid.results}/runs yet.")
    beside = {latency.beside(folder / RECORDS / name): latency.beside(path) for name, path in sources.items()}
    more = {copy: _content(path) for copy, path in beside.items()}
    old = {path.name for path in (folder / RECORDS).glob("*.json")} - set(found)
    for name in old:
        (folder / RECORDS / name).unlink()
        latency.beside(folder / RECORDS / name).unlink(missing_ok=True)
    for name, content in found.items():
        write_atomic(folder / RECORDS / name, content)
    # What was measured beside the records, and on how many images networks disagree while their predictions are there.
    counts = churn.keep(plan, measurements.read_records(plan, Path(grid.results))[0])
    for path, content in (more | {folder / churn.FILE: counts or None}).items():
        if content is not None:
            write_atomic(path, content)
        else:
            path.unlink(missing_ok=True)  # it no longer is
    write_text(folder / GRID, description(grid))
    removed = f", {len(old)} earlier ones removed" if old else ""
    return f"{len(found)} of {len(runs)} records kept in {folder}{removed}."


def _content(path: Path) -> bytes | None:
    """What a file of a run holds, None if there is no such file. Raises `UserError` if it is no regular file."""
    try:
        return regular.read_bytes(path, path.parents[2])
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}).") from None


def description(grid: Grid) -> str:
    """The ``grid.yaml`` of a grid: what it asks for, without what belongs to a machine."""
    asked = grid.model_dump(mode="json", exclude_defaults=True, exclude=set(MACHINE))
    return HEADER + yaml.safe_dump(asked, sort_keys=False, allow_unicode=True, default_flow_style=None, width=120)


def read(folder: Path) -> Kept:
    """Open a kept folder. Raises `UserError` naming the file if one is missing, damaged or belongs to no cell."""
    if not (folder / GRID).is_file():
        raise UserError(f"{folder} is not a kept folder, it has no {GRID}; `reprune keep GRID -o FOLDER` makes one.")
    if not regular.is_there(folder / GRID):
        raise UserError(f"{folder / GRID} is no regular file, so it is not read.")
    grid = load(folder / GRID)
    sources = [_read(path) for path in sorted((folder / RECORDS).glob("*.json"))]
    plan, outdated = _matched(expand(grid), sources)
    by_id = {source.record.id: source for source in sources}
    return Kept(grid, plan, {spec.id: by_id[spec.id] for spec in plan.runs if spec.id in by_id}, outdated)


def rebuild(folder: Path, output: Path | None = None, *, figures: bool = True) -> None:
    """Write tables, plots and provenance of a kept folder into it, or into `output`; prints the table."""
    from bench import report
    from bench.report import origins, terminal
    from bench.results import manifest, measurements

    kept = read(folder)
    table = measurements.from_records(kept.plan, kept.records, {})
    measured = report.Measured(table, kept.records, kept.source)
    made, paths = report.write(kept.grid, kept.plan, measured, output or folder, figures=figures)
    if regular.is_there((output or folder) / manifest.NAME):  # what else lies there has its lines already
        manifest.update(output or folder, paths)
    print(terminal.render(made, paths))
    for sentence in origins.notices(kept.records):
        print(f"{sentence} provenance.md names the commits.")


def _read(path: Path) -> Source:
    from bench.results.measurements import Source

    return Source(find.read(path, path.parents[1]), file_digest(path), path)


def _matched(plan: Plan, sources: Iterable[Source]) -> tuple[Plan, list[str]]:
    """The plan with each run replaced by the recorded one that was asked the same, and which of these are outdated."""
    recorded: dict[Any, Source] = {}
    for source in sources:
        twin = recorded.setdefault(_asked(source.record.spec), source)
        if twin is not source:
            raise UserError(f"{source.path} and {twin.path.name} are records of the same run; remove one of them.")
    specs = {spec.id: found.record.spec if (found := recorded.pop(_asked(spec), None)) else spec for spec in plan.runs}
    for source in recorded.values():
        raise UserError(f"{source.path} belongs to no cell of {GRID}; add what it asks for, or remove it.")
    cells = [replace(cell, runs=tuple((seed, specs[run].id) for seed, run in cell.runs)) for cell in plan.cells]
    parent = {specs[run].id: specs[dense].id for run, dense in plan.parent.items()}
    outdated = [spec.id for run, spec in specs.items() if spec.id != run]
    return Plan(list(specs.values()), cells, parent), outdated


def _asked(spec: RunSpec) -> tuple[Any, ...]:
    protocol = (spec.recipe_text, spec.budget, spec.prunable)
    return spec.dataset, spec.architecture, spec.method_text, spec.points, spec.seed, *protocol

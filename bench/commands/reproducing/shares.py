"""Grids of a paper's cells: those that were written by hand, and made ones for what these do not have.

A made grid is of one network under one protocol with one number of seeds. Its file lies with the paper's reports; the
runs in it are those that any other grid would name, so nothing that has been trained is trained again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bench.base.atomic import write_text
from bench.commands.reproducing.sought import Paper
from bench.commands.reproducing.wanted import Setting, Wanted, by_hand
from bench.plan.files import ROOT
from bench.plan.grid import Cell, Grid, Plan, expand, load
from bench.plan.resolved import opened
from bench.spec import RunSpec, short

HEAD = "# Made by `reprune reproduce`, which writes it again.\n"


@dataclass(frozen=True)
class Share:
    """A grid with cells of a paper.

    Attributes:
        file: where it lies, or will lie.
        made: its fields, if it is a made one.
        wanted: those of its cells that answer rows.
    """

    file: Path
    made: dict[str, Any]
    grid: Grid
    plan: Plan
    wanted: tuple[Wanted, ...]

    def write(self) -> None:
        """Write the file of a made grid."""
        if self.made:
            text = yaml.safe_dump(self.made, sort_keys=False, allow_unicode=True, width=100)
            write_text(self.file, HEAD + text)


def shares(paper: Paper, cells: Sequence[Wanted], places: dict[str, str], *, whole: bool) -> list[Share]:
    """The grids that have these cells.

    Args:
        paper: whose cells they are.
        cells: to be run.
        places: fields of grids that say where things lie on this machine.
        whole: take a grid that was written by hand as it is, with what it has besides (controls, say).
    """
    found, left = [], list(cells)
    for file in by_hand(paper) if whole else ():
        own = tuple(each for each in left if each.file == file)
        if own:
            grid = opened(ROOT / file, places)
            found.append(Share(ROOT / file, {}, grid, expand(grid), own))
            left = [each for each in left if each.file != file]
    settings: dict[Setting, list[Wanted]] = defaultdict(list)
    for each in left:
        settings[each.setting].append(each)
    return [*found, *(_made(paper, setting, each, places) for setting, each in settings.items())]


def _made(paper: Paper, setting: Setting, cells: Sequence[Wanted], places: dict[str, str]) -> Share:
    fields = made(paper, setting, cells)
    grid = load(fields | places)
    return Share(folder(paper) / f"{Path(grid.name).name}.yaml", fields, grid, expand(grid), tuple(cells))


def folder(paper: Paper) -> Path:
    """Where everything about a paper goes."""
    return Path("reports") / "reproduce" / paper.folder


def made(paper: Paper, setting: Setting, cells: Iterable[Wanted]) -> dict[str, Any]:
    """The fields of the grid that has these cells of one setting."""
    points: dict[str, set[float]] = {}
    for each in cells:
        points.setdefault(each.method, set()).update(each.points)
    pruned = {method: sorted(found) for method, found in points.items() if found}
    network, number = f"{setting.architecture} on {setting.dataset}", len(setting.seeds)
    fields: dict[str, Any] = {
        "name": f"reproduce/{paper.folder}/{_stem(setting)}",
        "title": f"{paper.title}: {network}, {number} seeds",
        "paper": paper.titles[0],
        "recipe": setting.recipes[0],
        "datasets": [setting.dataset],
        "architectures": [setting.architecture],
        "methods": list(points),
        "overrides": [{"methods": [method], "points": found} for method, found in pruned.items()],
        "trainings": [
            {"label": f"reading_{letter}", "methods": list(points), "recipe": recipe}
            for letter, recipe in zip("bcdefghijklmnopqrstuvwxyz", setting.recipes[1:], strict=False)
        ],
        "prunable": setting.prunable,
        "seeds": list(setting.seeds),
        "looks": setting.looks,
    }
    return {name: value for name, value in fields.items() if value and value != "all"}


def _stem(setting: Setting) -> str:
    network = f"{setting.architecture}-{setting.dataset}".replace("/", "_")
    return f"{network}-{len(setting.seeds)}-seeds-{short(setting)[:6]}"


def merged(plans: Iterable[Plan]) -> Plan:
    """One plan with the runs of all, each once."""
    runs: dict[str, RunSpec] = {}
    cells: dict[tuple[object, ...], Cell] = {}
    parent: dict[str, str] = {}
    for plan in plans:
        runs |= {spec.id: spec for spec in plan.runs}
        cells |= {(cell.key, cell.runs): cell for cell in plan.cells}
        parent |= plan.parent
    return Plan(list(runs.values()), list(cells.values()), parent)

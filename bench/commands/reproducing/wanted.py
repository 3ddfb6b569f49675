"""The cells that a paper's comparable rows ask for, each with its seeds: those of the paper's grid, or the fewest."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from bench import catalog
from bench.commands.reproducing.sought import Paper
from bench.evidence.papers import at_hand
from bench.plan.files import configured
from bench.plan.grid import Grid, expand
from bench.published import Published, Row
from bench.published.comparison import matched
from bench.published.power import Prospect, fewest, prospect
from bench.published.rule import FEWEST_UNPRINTED
from bench.workflow.missing import find


class Setting(NamedTuple):
    """What the cells of a grid that is made have in common.

    Attributes:
        recipes: of every reading of the protocol, A first.
        looks: whether a grid that was written by hand adds seeds until one decides.
    """

    dataset: str
    architecture: str
    recipes: tuple[str, ...]
    prunable: str
    seeds: tuple[int, ...]
    looks: bool = False


@dataclass(frozen=True)
class Wanted:
    """A cell with all its seeds, under every reading; of a method whose run has several points, all of these.

    Attributes:
        method: as grids name it.
        points: none for the dense network.
        prospects: of the rows that it answers.
        file: of the grid that was written by hand and has the cell; empty if none has.
    """

    setting: Setting
    method: str
    points: tuple[float, ...]
    prospects: tuple[Prospect, ...]
    file: str = ""

    @property
    def rows(self) -> tuple[Row, ...]:
        """The rows that it answers."""
        return tuple(each.row for each in self.prospects)

    @property
    def power(self) -> float:
        """How many of the rows it will probably call ``reproduced`` if the paper is exactly right."""
        return sum(each.power(len(self.setting.seeds)) for each in self.prospects)


def wanted(paper: Paper, published: Published) -> list[Wanted]:
    """All cells that comparable rows of a paper ask for, those of grids that were written by hand first.

    Left out are rows on images that nobody has registered, for nothing of theirs can be run.
    """
    found: list[Wanted] = []
    for file, grid in by_hand(paper).items():
        found += _of_grid(file, grid, published, {row.id for row in paper.rows if at_hand(row)} - _ids(found))
    covered = _ids(found)
    rows = [row for row in paper.rows if at_hand(row) and row.id not in covered]
    return [*found, *_of_rows(rows, published)]


def by_hand(paper: Paper) -> dict[str, Grid]:
    """The committed grids that are about a paper, by their files."""
    return {
        file: grid
        for file, grid in configured().items()
        if grid.paper and any(title.startswith(grid.paper) for title in paper.titles)
    }


def _ids(found: Iterable[Wanted]) -> set[str]:
    return {row.id for each in found for row in each.rows}


class _Cell(NamedTuple):
    """What cells of a grid that are readings of one protocol have in common."""

    dataset: str
    architecture: str
    method: str
    points: tuple[float, ...]
    prunable: str
    protocol: str


def _of_grid(file: str, grid: Grid, published: Published, asked: Collection[str]) -> Iterator[Wanted]:
    """The cells of a grid that was written by hand, with its seeds; cells of one protocol's readings together."""
    plan = expand(grid)
    specs = {spec.id: spec for spec in plan.runs}
    rows: dict[_Cell, dict[str, Row]] = defaultdict(dict)
    recipes: dict[_Cell, dict[str, None]] = defaultdict(dict)
    for cell, row, blocked, _ in matched(plan, published):
        if row.id in asked and not blocked:
            spec = specs[cell.runs[0][1]]
            key = _Cell(spec.dataset, spec.architecture, spec.method_text, spec.points, spec.prunable, row.protocol)
            rows[key][row.id], recipes[key][spec.recipe_text] = row, None
    for key, answered in rows.items():
        setting = Setting(key.dataset, key.architecture, tuple(recipes[key]), key.prunable, grid.seeds, grid.looks)
        yield Wanted(setting, key.method, key.points, _prospects(published, answered.values()), file)


def _of_rows(rows: Iterable[Row], published: Published) -> Iterator[Wanted]:
    """A cell for each point, with the fewest seeds that decide what can be decided."""
    with TemporaryDirectory() as empty:  # what has been run already is wanted, too
        found = find(published, rows, None, Path(empty), ())
    for group in found:
        dataset, architecture = group.grid["datasets"][0], group.grid["architectures"][0]
        method, prunable = group.grid["methods"][0], group.grid.get("prunable", "all")
        joint = catalog.create(*catalog.parse(method)).joint
        cells: dict[tuple[tuple[str, ...], float | None], list[Row]] = defaultdict(list)
        for row in group.rows:
            readings = tuple(published.protocols[row.protocol].recipes.values())
            cells[readings, None if joint else row.point].append(row)
        for (readings, _), answered in cells.items():
            prospects = _prospects(published, answered)
            seeds = tuple(range(fewest(prospects) or FEWEST_UNPRINTED))
            points = tuple(sorted({row.point for row in answered if row.point}))
            yield Wanted(Setting(dataset, architecture, readings, prunable, seeds), method, points, prospects)


def _prospects(published: Published, rows: Iterable[Row]) -> tuple[Prospect, ...]:
    return tuple(prospect(published, row) for row in rows)

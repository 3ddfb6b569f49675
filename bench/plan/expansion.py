"""A grid's runs and cells: what its lists multiply to. Expanding one needs no torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache, cached_property
from itertools import product
from typing import TYPE_CHECKING, Any, NamedTuple

from bench import catalog, names, recipe
from bench.base.spelling import Spelling
from bench.method import Dense
from bench.plan.lineage import identify, skipped, stages_of
from bench.plan.overrides import Settings, entries, settings
from bench.spec import RunSpec

if TYPE_CHECKING:
    from bench.plan.grid import Grid


class Network(NamedTuple):
    """A network on a data set: what the cells of one section of a report have in common."""

    dataset: str
    architecture: str

    def __str__(self) -> str:
        return f"{self.architecture} on {self.dataset}"


class CellKey(NamedTuple):
    """What tells a cell from all others of a grid; its attributes are those of `Cell`."""

    dataset: str
    architecture: str
    method: str
    point: float | None

    @property
    def network(self) -> Network:
        """The first two."""
        return Network(self.dataset, self.architecture)


@dataclass(frozen=True)
class Cell:
    """One number in a paper's table: dataset × architecture × method × point, over all seeds.

    Attributes:
        method: with its non-default hyper-parameters, ``gmp[allocation=global]``, and the label of its training if it
            has a recipe of its own, ``rigl[training=2x]``.
        point: the target, or None for the dense network.
        runs: (seed, run id) pairs.
        skipped: why the method skips the cell; empty if it does not.
    """

    dataset: str
    architecture: str
    method: str
    point: float | None
    runs: tuple[tuple[int, str], ...] = ()
    skipped: str = ""

    @property
    def key(self) -> CellKey:
        """What tells it from all others."""
        return CellKey(self.dataset, self.architecture, self.method, self.point)

    @property
    def method_name(self) -> str:
        """The method without hyper-parameters and label."""
        return names.parse(self.method)[0]

    @property
    def network(self) -> Network:
        """What it shares with the other cells of its section."""
        return self.key.network


@dataclass(frozen=True)
class Plan:
    """A grid's runs (each once), its cells, and which runs start from which dense run of the same seed."""

    runs: list[RunSpec]
    cells: list[Cell]
    parent: dict[str, str] = field(default_factory=dict)

    @cached_property
    def spelling(self) -> Spelling:
        """How points are written wherever cells of the plan stand side by side."""
        return Spelling.of(cell.point for cell in self.cells)

    @cached_property
    def dense(self) -> dict[Network, Cell]:
        """The baseline of each network."""
        return {cell.network: cell for cell in self.cells if cell.method == "dense"}


def expand(grid: Grid) -> Plan:
    """All cells and runs of a grid, the dense runs first."""
    runs: dict[str, RunSpec] = {}
    cells: list[Cell] = []
    parent: dict[str, str] = {}
    for dataset, architecture in product(grid.datasets, grid.architectures):
        dense: dict[tuple[str, int], str] = {}
        for name, (method, training) in entries(grid).items():
            chosen = settings(grid, dataset, architecture, method, training)
            for points in _jobs(method, chosen.points):
                specs = [_spec(grid, dataset, architecture, method, chosen, points, seed) for seed in grid.seeds]
                why_not = skipped(specs[0])
                ids = [] if why_not else [_add(runs, spec) for spec in specs]
                pairs = tuple(zip(grid.seeds, ids, strict=True)) if ids else ()
                if method == "dense":
                    dense |= {(chosen.recipe, seed): run for seed, run in pairs}
                elif not why_not and _starts_dense(specs[0]):
                    starts = {run: dense.get((chosen.recipe, seed)) for seed, run in pairs}
                    parent |= {run: start for run, start in starts.items() if start is not None}
                cells += [Cell(dataset, architecture, name, point, pairs, why_not) for point in points or (None,)]
    return Plan(list(runs.values()), cells, parent)


def _jobs(text: str, points: tuple[float, ...]) -> list[tuple[float, ...]]:
    """The points of each run: all of them in one, or one in each."""
    method = catalog.create(*catalog.parse(text))
    if method.meaning == "none":
        return [()]
    return [points] if method.joint and points else [(point,) for point in points]


def _spec(
    grid: Grid, dataset: str, architecture: str, text: str, chosen: Settings, points: tuple[float, ...], seed: int
) -> RunSpec:
    name, fields = _parsed(text)
    return RunSpec(
        dataset=dataset,
        architecture=architecture,
        method=name,
        hyperparameters=fields,
        points=points,
        seed=seed,
        recipe=scaled(chosen.recipe, grid.budget),
        recipe_text=chosen.recipe,
        budget=grid.budget,
        prunable=chosen.prunable,
    )


@cache
def scaled(text: str, budget: float) -> recipe.Recipe:
    """A recipe as a run has it, by its text in the grid."""
    return recipe.load(text).scaled(budget)


@cache
def _parsed(text: str) -> tuple[str, dict[str, Any]]:
    return catalog.parse(text)


def _add(runs: dict[str, RunSpec], spec: RunSpec) -> str:
    identified = identify(spec)
    runs[identified.id] = identified
    return identified.id


def _starts_dense(spec: RunSpec) -> bool:
    return any(isinstance(stage.method, Dense) for stage in stages_of(spec))

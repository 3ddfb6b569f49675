"""A grid: the YAML file that says which runs there are. Reading one and expanding it needs no torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator

from bench import archs, catalog, data, names, recipe
from bench.claims import Claim
from bench.errors import UserError
from bench.lineage import identify, method_of, stages_of
from bench.method import Dense
from bench.prunable import check as check_prunable
from bench.schema import Strict, read_yaml
from bench.spec import RunSpec


class Grid(Strict):
    """The fields of a file in `configs/`.

    Attributes:
        name: the folder under `reports/`; the file's name if not given.
        methods: names, or ``name[field=value]``; `dense` is always run, since every table states its baseline.
        sparsities: targets in [0, 1).
        points: operating points of methods that have a knob of their own, instead of `sparsities`.
        prunable: the tensors a method may zero, ``all``, ``conv`` or ``all[exclude=…]``.
        budget: scales the recipe's length; 1 is the paper's protocol.
        threads: CPU threads per run; results are reproducible bit by bit only at the same number.
        slots_per_gpu: how many runs share one GPU.
        claims: orders of methods to be tested on the results (`bench.claims`).
    """

    name: str = ""
    title: str = ""
    recipe: str
    datasets: tuple[str, ...] = Field(min_length=1)
    architectures: tuple[str, ...] = Field(min_length=1)
    methods: tuple[str, ...] = Field(min_length=1)
    sparsities: tuple[float, ...] = ()
    points: dict[str, tuple[float, ...]] = Field(default_factory=dict)
    seeds: tuple[int, ...] = Field(min_length=1)
    prunable: str = "all"
    budget: float = Field(default=1.0, gt=0)
    threads: int = Field(default=1, gt=0)
    slots_per_gpu: int = Field(default=1, gt=0)
    claims: tuple[Claim, ...] = ()
    data_dir: str | None = None
    download: bool = False
    tracking_uri: str | None = None
    results: str = "results"
    reports: str = "reports"

    @field_validator("sparsities")
    @classmethod
    def _in_range(cls, values: tuple[float, ...]) -> tuple[float, ...]:
        for value in values:
            if not 0 <= value < 1:
                raise ValueError(f"{value:g} is not in [0, 1); a sparsity is the fraction of weights removed")
        return values

    @field_validator("datasets", "architectures", "methods", "sparsities", "seeds")
    @classmethod
    def _once(cls, values: tuple[Any, ...]) -> tuple[Any, ...]:
        twice = [value for value in values if values.count(value) > 1]
        if twice:
            raise ValueError(f"{twice[0]} is listed twice")
        return values

    @property
    def report_folder(self) -> Path:
        """Where the grid's reports go; a scaled-down run never overwrites those of the full one."""
        return Path(self.reports) / (self.name if self.budget == 1 else f"{self.name}-budget-{self.budget:g}")


@dataclass(frozen=True)
class Cell:
    """One number in a paper's table: dataset × architecture × method × point, over all seeds.

    Attributes:
        method: with its non-default hyper-parameters, ``gmp[allocation=global]``.
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


@dataclass(frozen=True)
class Plan:
    """A grid's runs (each once), its cells, and which runs start from which dense run of the same seed."""

    runs: list[RunSpec]
    cells: list[Cell]
    parent: dict[str, str] = field(default_factory=dict)


def load(config: Path | str | dict[str, Any], changes: dict[str, Any] | None = None) -> Grid:
    """Read a grid from a file or from a dict, with some fields replaced, and check every name in it.

    Raises `UserError`: one sentence naming the file, the field, the value and what is allowed.
    """
    source = "the grid" if isinstance(config, dict) else str(config)
    values = config if isinstance(config, dict) else read_yaml(Path(config))
    if isinstance(values, dict):
        values = {"name": "" if isinstance(config, dict) else Path(config).stem} | values | (changes or {})
    grid = Grid.read(values, source)
    try:
        _check_names(grid)
    except UserError as error:
        raise UserError(f"{source}: {error}") from None
    return grid


def _check_names(grid: Grid) -> None:
    for dataset in grid.datasets:
        data.info(dataset)
    for architecture in grid.architectures:
        archs.check(architecture)
    for text in grid.methods:
        method = catalog.create(*names.parse(text))
        if method.meaning != "none" and not _points(grid, text):
            raise UserError(f"field 'sparsities': method '{text}' needs at least one.")
    for name in grid.points:
        if name not in {names.parse(text)[0] for text in grid.methods}:
            raise UserError(f"field 'points': '{name}' is not among the grid's methods.")
    _check_claims(grid)
    check_prunable(grid.prunable)
    recipe.load(grid.recipe)


def _check_claims(grid: Grid) -> None:
    known = {names.show(*catalog.parse(text)) for text in ("dense", *grid.methods)}
    for claim in grid.claims:
        for method in claim.methods:
            if method not in known:
                raise UserError(f"field 'claims': '{method}' of '{claim.claim}' is not among the grid's methods.")


def _points(grid: Grid, method: str) -> tuple[float, ...]:
    return grid.points.get(names.parse(method)[0], grid.sparsities)


def expand(grid: Grid) -> Plan:
    """All cells and runs of a grid, the dense runs first."""
    scaled = recipe.load(grid.recipe).scaled(grid.budget)
    texts = dict.fromkeys(["dense", *(names.show(*catalog.parse(text)) for text in grid.methods)])
    runs: dict[str, RunSpec] = {}
    cells: list[Cell] = []
    parent: dict[str, str] = {}
    for dataset in grid.datasets:
        for architecture in grid.architectures:
            dense: dict[int, str] = {}
            for text in texts:
                for points in _jobs(grid, text):
                    specs = [_spec(grid, scaled, dataset, architecture, text, points, seed) for seed in grid.seeds]
                    skipped = method_of(specs[0]).skip(specs[0])
                    ids = [] if skipped else [_add(runs, spec) for spec in specs]
                    pairs = tuple(zip(grid.seeds, ids, strict=True)) if ids else ()
                    dense |= dict(pairs) if text == "dense" else {}
                    if not skipped and _starts_dense(specs[0]) and text != "dense":
                        parent |= {run: dense[seed] for seed, run in pairs}
                    cells += [Cell(dataset, architecture, text, point, pairs, skipped) for point in points or (None,)]
    return Plan(list(runs.values()), cells, parent)


def _jobs(grid: Grid, text: str) -> list[tuple[float, ...]]:
    """The points of each run: all of them in one, or one in each."""
    method = catalog.create(*catalog.parse(text))
    if method.meaning == "none":
        return [()]
    points = _points(grid, text)
    return [points] if method.joint else [(point,) for point in points]


def _spec(
    grid: Grid,
    scaled: recipe.Recipe,
    dataset: str,
    architecture: str,
    text: str,
    points: tuple[float, ...],
    seed: int,
) -> RunSpec:
    name, fields = _parsed(text)
    return RunSpec(
        dataset=dataset,
        architecture=architecture,
        method=name,
        hyperparameters=fields,
        points=points,
        seed=seed,
        recipe=scaled,
        recipe_text=grid.recipe,
        budget=grid.budget,
        prunable=grid.prunable,
    )


@cache
def _parsed(text: str) -> tuple[str, dict[str, Any]]:
    return catalog.parse(text)


def _add(runs: dict[str, RunSpec], spec: RunSpec) -> str:
    identified = identify(spec)
    runs[identified.id] = identified
    return identified.id


def _starts_dense(spec: RunSpec) -> bool:
    return any(isinstance(stage.method, Dense) for stage in stages_of(spec))

"""A grid: the YAML file that says which runs there are. Reading one and expanding it needs no torch."""

from __future__ import annotations

from collections import Counter
from itertools import product
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, PrivateAttr, field_serializer, field_validator

from bench import archs, catalog, data, names, recipe
from bench.base import stores
from bench.base.nearest import beginning, meant
from bench.base.paths import Folder, Name
from bench.base.schema import Strict, read_yaml
from bench.base.spelling import exact
from bench.errors import NotFound, UserError, discreet
from bench.plan import targets, variants
from bench.plan.claims import Claim
from bench.plan.expansion import Cell as Cell
from bench.plan.expansion import CellKey as CellKey
from bench.plan.expansion import Network as Network
from bench.plan.expansion import Plan as Plan
from bench.plan.expansion import expand as expand
from bench.plan.overrides import Override, Training, entries, settings
from bench.plan.overrides import check as check_overrides
from bench.plan.papers import papers
from bench.plan.variants import Variant
from bench.recipe.prunable import check as check_prunable

MOST_RUNS = 100_000
"""A grid that asks for more has a slip of the pen in it; listing its runs would take hours."""

Seed = Annotated[int, Field(ge=-(2**63), lt=2**63)]
"""Any integer of 64 bits; it is part of file names."""


class Grid(Strict):
    """The fields of a file in `configs/`.

    Attributes:
        name: the folder under `reports/`; if not given, the file's path below `configs/`, or its name elsewhere.
        title: the heading of the report.
        recipe: the training protocol, a file of `configs/recipes/`: ``name``, or ``name[field=value]``.
        datasets, architectures: names; every data set is combined with every architecture.
        methods: names, or ``name[field=value]``; `dense` is always run, since every table states its baseline.
        sparsities: targets in [0, 1).
        points: operating points of methods that have a knob of their own, instead of `sparsities`.
        seeds: one run of every cell for each; what a run draws depends on its seed alone.
        looks: whether seeds are added until verdicts on published numbers come, as `reprune decide` does; the first 5,
            10 and 20 are then looked at, at levels that allow for it (`bench.published.rule.LOOKS`).
        prunable: the tensors a method may zero, ``all``, ``conv`` or ``all[exclude=…]``.
        overrides: where recipe, points or prunable set are others (`bench.plan.overrides`).
        trainings: methods that are in the table once more, under another recipe (`bench.plan.overrides`).
        paper: the beginning of a paper's name in `published/`, whose table is then printed with ours beside it.
        budget: scales the recipe's length; 1 is the paper's protocol.
        threads: CPU threads per run; results are reproducible bit by bit only at the same number.
        slots_per_gpu: how many runs share one GPU.
        workers: processes per run that decode the photographs of an image folder; they have no influence on results.
        claims: orders of methods to be tested on the results (`bench.plan.claims`).
        data_dir: where the originals of data sets lie; if not given, ``$REPRUNE_DATA``.
        download: whether torchvision may fetch originals that are missing.
        tracking_uri: of MLflow's store, if it is not ``mlflow.db`` in `results`; a server's is typed
            (`bench.base.stores`).
        results, reports: the folders that are written to.
    """

    name: Name = ""
    title: str = ""
    recipe: str
    datasets: tuple[str, ...] = Field(min_length=1)
    architectures: tuple[str, ...] = Field(min_length=1)
    methods: tuple[str, ...] = Field(min_length=1)
    sparsities: tuple[float, ...] = ()
    points: dict[str, tuple[float, ...]] = Field(default_factory=dict)
    seeds: tuple[Seed, ...] = Field(min_length=1)
    looks: bool = False
    prunable: str = "all"
    overrides: tuple[Override, ...] = ()
    trainings: tuple[Training, ...] = ()
    paper: str = ""
    budget: float = Field(default=1.0, ge=1e-6, le=1e6)
    threads: int = Field(default=1, gt=0, le=1024)
    slots_per_gpu: int = Field(default=1, gt=0, le=1024)
    workers: int = Field(default=2, ge=0, le=1024)
    claims: tuple[Claim, ...] = ()
    data_dir: Folder | None = None
    download: bool = False
    tracking_uri: str | None = None
    results: Folder = "results"
    reports: Folder = "reports"
    _variant: Variant = PrivateAttr(default_factory=Variant)

    @field_validator("sparsities")
    @classmethod
    def _in_range(cls, values: tuple[float, ...]) -> tuple[float, ...]:
        for value in values:
            if not 0 <= value < 1:
                fraction = f"a sparsity is the fraction of weights removed{targets.perhaps(value)}"
                raise ValueError(f"{exact(value)} is not in [0, 1); {fraction}")
        return values

    @field_serializer("tracking_uri")
    def _without_password(self, uri: str | None) -> str | None:
        """Whoever writes a grid down, in a report say, writes no password."""
        return uri and discreet(uri)

    @field_validator("datasets", "architectures", "methods", "sparsities", "seeds")
    @classmethod
    def _once(cls, values: tuple[Any, ...]) -> tuple[Any, ...]:
        twice = [value for value, count in Counter(values).items() if count > 1]
        if twice:
            raise ValueError(f"{twice[0]} is listed twice")
        return values

    @property
    def variant(self) -> Variant:
        """What tells it from another grid of its name."""
        return self._variant

    def varied(self, variant: Variant) -> Grid:
        """The same grid as that variant."""
        copy = self.model_copy()
        copy._variant = variant
        return copy

    @property
    def report_name(self) -> str:
        """The folder under `reports`: neither a variant nor a scaled-down run overwrites what the full one left."""
        scaled = "" if self.budget == 1 else f"-budget-{exact(self.budget)}"
        return f"{self.name}{self.variant.suffix}{scaled}"

    @property
    def report_folder(self) -> Path:
        """Where the grid's reports go."""
        return Path(self.reports) / self.report_name


def load(config: Path | str | dict[str, Any], changes: dict[str, Any] | None = None) -> Grid:
    """Read a grid from a file or from a dict, with some fields replaced, and check every name in it.

    Raises `UserError`: one sentence naming the file, the field, the value and what is allowed.
    """
    source = "the grid" if isinstance(config, dict) else str(config)
    values = own = config if isinstance(config, dict) else read_yaml(Path(config))
    if isinstance(own, dict) and all(isinstance(key, str) for key in own):
        own = {"name": "" if isinstance(config, dict) else _name(Path(config))} | own
        values = own | (changes or {})
    grid = Grid.read(values, source)
    try:
        stores.check(grid.tracking_uri, asked=stores.FIELD in (changes or {}))
        _check_names(grid)
    except UserError as error:
        raise type(error)(f"{source}: {error}") from None
    return variants.changed(grid, own, changes) if changes else grid


def _name(file: Path) -> str:
    """``papers/rigl`` for ``configs/papers/rigl.yaml``; just the file's name if it does not lie below ``configs``."""
    folders = file.parent.parts
    below = folders[len(folders) - folders[::-1].index("configs") :] if "configs" in folders else ()
    return "/".join([*below, file.stem])


def _check_names(grid: Grid) -> None:
    for dataset in grid.datasets:
        data.info(dataset)
    for architecture in grid.architectures:
        archs.check(architecture)
    for text in grid.methods:
        if catalog.create(*names.parse(text)).meaning != "none" and not _has_points(grid, text):
            raise UserError(f"field 'sparsities': method '{text}' needs at least one.")
    for name in grid.points:
        if name not in {names.parse(text)[0] for text in grid.methods}:
            raise UserError(f"field 'points': '{name}' is not among the grid's methods.")
    _check_claims(grid)
    check_overrides(grid)
    check_prunable(grid.prunable)
    recipe.load(grid.recipe)
    _check_size(grid)
    _check_points(grid)
    _check_paper(grid.paper)


def _check_points(grid: Grid) -> None:
    for dataset, architecture in product(grid.datasets, grid.architectures):
        for method, training in entries(grid).values():
            made = catalog.create(*catalog.parse(method))
            if made.meaning != "none":
                targets.check(made, method, settings(grid, dataset, architecture, method, training).points)


def _check_paper(paper: str) -> None:
    known = papers() if paper else []
    if paper and not any(name.startswith(paper) for name in known):
        close = beginning(paper, known)
        there = meant(close) if close else "`reprune published` lists them."
        raise NotFound(f"field 'paper': no published paper's name begins with {paper[:100]!r}; {there}")


def _check_size(grid: Grid) -> None:
    runs = 0
    for dataset, architecture in product(grid.datasets, grid.architectures):
        for method, training in entries(grid).values():
            points = settings(grid, dataset, architecture, method, training).points
            runs += max(1, len(points)) * len(grid.seeds)
            if runs > MOST_RUNS:
                raise UserError(f"the lists multiply to more than {MOST_RUNS:,} runs; shorten one of them.")


def _check_claims(grid: Grid) -> None:
    known = {names.show(*catalog.parse(text)) for text in ("dense", *grid.methods)}
    for claim in grid.claims:
        for method in claim.methods:
            if method not in known:
                raise UserError(f"field 'claims': '{method}' of '{claim.claim}' is not among the grid's methods.")


def _has_points(grid: Grid, text: str) -> bool:
    method = names.show(*catalog.parse(text))
    pairs = product(grid.datasets, grid.architectures)
    return any(settings(grid, dataset, architecture, method).points for dataset, architecture in pairs)

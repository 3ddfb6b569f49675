"""Where some cells of a grid differ from the others, in recipe, points or prunable set, and methods trained twice."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Self

from pydantic import Field, model_validator

from bench import catalog, names, recipe
from bench.base.nearest import hint
from bench.base.schema import Strict
from bench.errors import UserError
from bench.recipe.prunable import check as check_prunable

if TYPE_CHECKING:
    from bench.plan.grid import Grid


class Override(Strict):
    """One entry of a grid's field `overrides`: which cells, and what holds for them instead.

    Attributes:
        datasets, architectures, methods: which cells; those left out mean all. A method is named as in the grid's list,
            with its hyper-parameters; ``dense`` may be named too.
        recipe: instead of the grid's.
        points: instead of `sparsities` and `points`; an empty list leaves the methods out there.
        prunable: instead of the grid's.
    """

    datasets: tuple[str, ...] = ()
    architectures: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    recipe: str | None = None
    points: tuple[float, ...] | None = None
    prunable: str | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.recipe is None and self.points is None and self.prunable is None:
            raise ValueError("give at least one of 'recipe', 'points' and 'prunable'")
        return self

    def covers(self, dataset: str, architecture: str, method: str) -> bool:
        """Whether it is about these cells; `method` as cells name it."""
        chosen = tuple(map(_canonical, self.methods))
        pairs = ((dataset, self.datasets), (architecture, self.architectures), (method, chosen))
        return all(not allowed or name in allowed for name, allowed in pairs)


class Training(Strict):
    """One entry of a grid's field `trainings`: methods that the table has once more, under another recipe.

    Attributes:
        label: tells these rows from the others: ``2x`` makes ``rigl[training=2x]``.
        methods: which, as in the grid's list; ``dense`` may be one of them.
        recipe: what they are trained under.
        points: theirs, if not those they have otherwise.
    """

    label: str = Field(pattern=r"^[a-z0-9][a-z0-9_.-]*$", max_length=80)
    methods: tuple[str, ...] = Field(min_length=1)
    recipe: str
    points: tuple[float, ...] | None = None


@cache
def _canonical(method: str) -> str:
    return names.show(*catalog.parse(method))


@dataclass(frozen=True)
class Settings:
    """What holds for one method on one architecture and data set."""

    recipe: str
    points: tuple[float, ...]
    prunable: str


def entries(grid: Grid) -> dict[str, tuple[str, Training | None]]:
    """The methods of a grid by the name of their rows, dense first: the method itself and how it is trained."""
    found: dict[str, tuple[str, Training | None]] = {}
    for method in map(_canonical, ("dense", *grid.methods)):
        found[method] = (method, None)
    for training in grid.trainings:
        for method in map(_canonical, training.methods):
            name, fields = names.parse(method)
            found[names.show(name, fields | {"training": training.label})] = (method, training)
    return found


def settings(grid: Grid, dataset: str, architecture: str, method: str, training: Training | None = None) -> Settings:
    """The grid's own, changed by every override that covers these cells, in their order, and then by the training."""
    found = Settings(grid.recipe, grid.points.get(names.parse(method)[0], grid.sparsities), grid.prunable)
    for override in grid.overrides:
        if override.covers(dataset, architecture, method):
            found = Settings(
                override.recipe or found.recipe,
                found.points if override.points is None else override.points,
                override.prunable or found.prunable,
            )
    if training is None:
        return found
    return Settings(training.recipe, found.points if training.points is None else training.points, found.prunable)


def check(grid: Grid) -> None:
    """Raise `UserError` if an override names what the grid does not have, or asks for what there is not."""
    methods = tuple(map(_canonical, ("dense", *grid.methods)))
    for training in grid.trainings:
        for name in map(_canonical, training.methods):
            if name not in methods:
                raise UserError(f"field 'trainings': '{name}' is not among the grid's methods; {hint(name, methods)}")
        recipe.load(training.recipe)
    for override in grid.overrides:
        pairs = (
            ("datasets", override.datasets, grid.datasets),
            ("architectures", override.architectures, grid.architectures),
            ("methods", tuple(map(_canonical, override.methods)), methods),
        )
        for field, named, known in pairs:
            for name in named:
                if name not in known:
                    raise UserError(f"field 'overrides': '{name}' is not among the grid's {field}; {hint(name, known)}")
        if override.recipe is not None:
            recipe.load(override.recipe)
        if override.prunable is not None:
            check_prunable(override.prunable)

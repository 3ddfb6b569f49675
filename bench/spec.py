"""What one run is: everything that determines its result, and the command that repeats it."""

from __future__ import annotations

import shlex
from typing import Any

from pydantic import Field

from bench import identity, names
from bench.base.paths import PART, cut, size
from bench.base.schema import Strict
from bench.base.spelling import Spelling, exact
from bench.recipe import Recipe

LONGEST_ID = PART - len(".json")
"""Bytes of a run's id, of which a log, a kept record and others have their names."""


class RunSpec(Strict):
    """One training with one seed.

    Attributes:
        dataset: its name.
        architecture: ours or timm's.
        method: the method's name, which is its file's name.
        hyperparameters: those that differ from the method's defaults, validated.
        points: operating points the run yields a result for, in [0, 1); empty for `dense`.
        seed: of every draw of the run.
        budget: what the recipe's length was multiplied by.
        recipe: the resolved protocol, already scaled by `budget`.
        recipe_text: the recipe as written in the grid, ``name`` or ``name[field=value]``.
        prunable: the prunable set, ``all``, ``conv`` or ``all[exclude=…]`` (see `bench.recipe.prunable`).
        identity: SHA-256 over everything that determines the result (`bench.plan.lineage.identify`).
    """

    dataset: str
    architecture: str
    method: str
    hyperparameters: dict[str, Any] = Field(default_factory=dict)
    points: tuple[float, ...] = ()
    seed: int
    recipe: Recipe
    recipe_text: str
    budget: float = 1.0
    prunable: str = "all"
    identity: str = ""

    @property
    def method_text(self) -> str:
        """The method with its non-default hyper-parameters: ``gmp[allocation=global]``."""
        return names.show(self.method, self.hyperparameters)

    @property
    def spelling(self) -> Spelling:
        """How the run's points are written, in the names of its files too."""
        return Spelling.of(self.points)

    @property
    def id(self) -> str:
        """The run's folder name: readable in front, unique by the first 12 digits of its identity.

        Of more points than a name can hold it has the first and the last.
        """
        front = self._called("-".join(f"{point:g}" for point in self.points))
        if size(front) > LONGEST_ID - 13 and self.points:
            front = self._called(f"{self.points[0]:g}-to-{self.points[-1]:g}")
        return f"{cut(front, LONGEST_ID - 13)}-{self.identity[:12]}"

    def _called(self, points: str) -> str:
        """The readable part of the id."""
        parts = [self.dataset, self.architecture.replace("/", "_"), self.method, points, f"s{self.seed}"]
        return "-".join(part for part in parts if part)

    def arguments(self) -> list[str]:
        """The options of ``reprune run`` that repeat this run and refuse to if its identity changed."""
        pairs = {
            "--dataset": self.dataset,
            "--architecture": self.architecture,
            "--method": self.method_text,
            "--points": ",".join(map(exact, self.points)),
            "--seed": str(self.seed),
            "--recipe": self.recipe_text,
            "--budget": exact(self.budget),
            "--prunable": self.prunable,
            "--expect": self.identity,
        }
        return [word for option, value in pairs.items() if value for word in _words(option, value)]

    @property
    def command(self) -> str:
        """The shell command that runs this once more."""
        return shlex.join(["reprune", "run", *self.arguments()])


def _words(option: str, value: str) -> list[str]:
    """An option on a command line; a value that begins with a dash would be taken for an option by itself."""
    return [f"{option}={value}"] if value.startswith("-") else [option, value]


def short(values: Any) -> str:
    """The first 12 hex digits of a value's digest, for folder names."""
    return identity.digest(values)[:12]

"""A job: one run that is to be carried out, and how. Processes hand it to each other as JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field

from bench import archs, catalog, data, names, recipe
from bench.base.schema import Strict
from bench.errors import UserError
from bench.plan import targets
from bench.plan.lineage import identify
from bench.recipe import prunable
from bench.spec import RunSpec


class Job(Strict):
    """What `reprune run` is asked for, and what a call of Snakemake asks of each of its jobs.

    Attributes:
        dataset, architecture, method, points, seed, recipe, budget, prunable: the run, as `bench.spec.RunSpec` has it;
            method and recipe as texts, ``name`` or ``name[field=value, …]``.
        expect: refuse to run if the run's identity is another one.
        results: the folder of results.
        threads: of the CPU.
        slots_per_gpu: how many runs share a GPU.
        workers: processes that decode the photographs of an image folder.
        checkpoint_seconds: what a killed job loses at most.
        resolved: the call's grid (`bench.plan.resolved`), if it is a job of the workflow.
        looks: whether that grid adds seeds at looks; the record says so.
        rank_on: ``cuda`` or ``cpu`` for one of a run's several processes (`bench.base.launch`).
    """

    dataset: str
    architecture: str
    method: str
    points: tuple[float, ...] = ()
    seed: int = Field(default=0, ge=-(2**63), lt=2**63)
    recipe: str
    budget: float = Field(default=1.0, ge=1e-6, le=1e6)
    prunable: str = "all"
    expect: str = ""
    results: Path = Path("results")
    threads: int = Field(default=1, ge=1, le=1024)
    slots_per_gpu: int = Field(default=1, ge=1, le=1024)
    workers: int = Field(default=2, ge=0, le=1024)
    checkpoint_seconds: float = Field(default=30.0, ge=0, le=1e9)
    resolved: Path | None = None
    looks: bool = False
    rank_on: str = ""

    @classmethod
    def of(cls, spec: RunSpec, **how: Any) -> Job:
        """The job that carries out that very run."""
        same = {
            name: getattr(spec, name) for name in ("dataset", "architecture", "points", "seed", "budget", "prunable")
        }
        return cls(method=spec.method_text, recipe=spec.recipe_text, expect=spec.identity, **same, **how)

    @property
    def text(self) -> str:
        """The job as JSON."""
        return self.model_dump_json(exclude_defaults=True)

    def spec(self) -> RunSpec:
        """The identified run. Raises `UserError`, also if it is not the expected one."""
        if self.resolved:
            from bench.plan import resolved

            resolved.read(self.resolved)
        method, fields = catalog.parse(self.method)
        data.info(self.dataset)
        archs.check(self.architecture)
        prunable.check(self.prunable)
        targets.check_run(catalog.create(method, fields), names.show(method, fields), self.points)
        spec = identify(
            RunSpec(
                dataset=self.dataset,
                architecture=self.architecture,
                method=method,
                hyperparameters=fields,
                points=self.points,
                seed=self.seed,
                recipe=recipe.load(self.recipe).scaled(self.budget),
                recipe_text=self.recipe,
                budget=self.budget,
                prunable=self.prunable,
            )
        )
        if self.expect and self.expect != spec.identity:
            raise UserError(
                f"the run of {names.show(method, fields)} is now {spec.identity[:12]}, not {self.expect[:12]}: its "
                "recipe, method, network or engine changed since the workflow was planned; start it again."
            )
        return spec


def read(text: str) -> Job:
    """A job from its JSON. Raises `UserError`."""
    try:
        return Job.model_validate_json(text)
    except ValueError:
        raise UserError(f"{text[:100]!r} is no job; `reprune run --help` says how to start a run.") from None

"""The command line of a job, and the run that it describes."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from bench import archs, catalog, data, names, recipe
from bench.errors import UserError
from bench.plan import targets
from bench.plan.lineage import identify
from bench.recipe import prunable
from bench.spec import RunSpec


def spec_from(arguments: argparse.Namespace) -> RunSpec:
    """The identified run that the command line describes. Raises `UserError`, also if it is not the expected one."""
    if arguments.resolved:
        from bench.plan import resolved

        resolved.read(arguments.resolved)
    method, fields = catalog.parse(arguments.method)
    data.info(arguments.dataset)
    archs.check(arguments.architecture)
    prunable.check(arguments.prunable)
    points = _points(arguments.points)
    targets.check_run(catalog.create(method, fields), names.show(method, fields), points)
    spec = identify(
        RunSpec(
            dataset=arguments.dataset,
            architecture=arguments.architecture,
            method=method,
            hyperparameters=fields,
            points=points,
            seed=arguments.seed,
            recipe=recipe.load(arguments.recipe).scaled(arguments.budget),
            recipe_text=arguments.recipe,
            budget=arguments.budget,
            prunable=arguments.prunable,
        )
    )
    if arguments.expect and arguments.expect != spec.identity:
        raise UserError(
            f"the run of {names.show(method, fields)} is now {spec.identity[:12]}, not {arguments.expect[:12]}: its "
            "recipe, method, network or engine changed since the workflow was planned; start it again."
        )
    return spec


def _points(text: str) -> tuple[float, ...]:
    try:
        found = tuple(float(point) for point in text.split(",") if point)
    except ValueError:
        found = (math.nan,)
    if not all(map(math.isfinite, found)):
        raise UserError(f"--points {text[:100]!r} is not a list of numbers separated by commas.")
    return found


def _within(kind: type, low: float, high: float) -> Callable[[str], Any]:
    """Reads an option's number, which lies between two others."""

    def read(text: str) -> Any:
        value = kind(text)
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{text[:40]} is not between {low:g} and {high:g}")
        return value

    read.__name__ = kind.__name__  # argparse calls it by this
    return read


class _Parser(argparse.ArgumentParser):
    """One that says what is wrong in a sentence, and leaves exiting to the caller."""

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message}; see `reprune run --help`.")


def parser() -> argparse.ArgumentParser:
    """The options of a job. What is wrong with a command line raises `UserError`."""
    found = _Parser(prog="reprune run", description="Carry out one run and write its record.")
    found.add_argument("--dataset", required=True)
    found.add_argument("--architecture", required=True)
    found.add_argument("--method", required=True, help="name or name[field=value, …]")
    found.add_argument("--points", default="", help="target sparsities in [0, 1) (or r, d, …), separated by commas")
    found.add_argument("--seed", type=_within(int, -(2**63), 2**63 - 1), default=0)
    found.add_argument("--recipe", required=True, help="name or name[field=value, …]")
    found.add_argument("--budget", type=_within(float, 1e-6, 1e6), default=1.0)
    found.add_argument("--prunable", default="all")
    found.add_argument("--expect", default="", help="refuse to run if the identity is another one")
    found.add_argument("--results", type=Path, default=Path("results"))
    found.add_argument("--threads", type=_within(int, 1, 1024), default=1)
    found.add_argument("--slots-per-gpu", type=_within(int, 1, 1024), default=1)
    workers = _within(int, 0, 1024)
    found.add_argument(
        "--workers", type=workers, default=2, help="processes that decode the photographs of an image folder"
    )
    seconds = _within(float, 0, 1e9)
    found.add_argument("--checkpoint-seconds", type=seconds, default=30.0, help="what a killed job loses at most")
    found.add_argument("--resolved", type=Path, help=argparse.SUPPRESS)  # the call's grid; given by the workflow
    found.add_argument("--rank-on", default="", help=argparse.SUPPRESS)  # cuda or cpu; given by `bench.base.launch`
    return found

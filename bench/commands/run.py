"""`reprune run`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bench.commands import completion
from bench.commands.arguments import numbers

if TYPE_CHECKING:
    from bench.plan.job import Job

METHOD = "A method, such as gmp or 'gmp\\[schedule.every=10]'."


def run(
    context: typer.Context,
    dataset: Annotated[str, typer.Option(help="A data set, such as cifar10.", autocompletion=completion.datasets)],
    arch: Annotated[
        str,
        typer.Option(
            "--arch", "--architecture", help="An architecture, such as resnet20_cifar.", autocompletion=completion.archs
        ),
    ],
    recipe: Annotated[
        str,
        typer.Option(
            help="The protocol, such as cifar10 or 'cifar10\\[train.epochs=10]'.", autocompletion=completion.recipes
        ),
    ],
    name: Annotated[
        str | None, typer.Argument(metavar="METHOD", help=METHOD, autocompletion=completion.methods)
    ] = None,
    sparsity: Annotated[
        str, typer.Option("--sparsity", "--points", help="Targets in [0, 1), separated by commas; none for dense.")
    ] = "",
    seed: Annotated[int, typer.Option(help="Of initial weights, batches and all other draws.")] = 0,
    budget: Annotated[float, typer.Option(help="Scales the recipe's length.")] = 1.0,
    prunable: Annotated[str, typer.Option(help="What may be pruned: all, conv or all\\[exclude=…].")] = "all",
    method: Annotated[
        str | None, typer.Option(help="METHOD, as records spell it.", autocompletion=completion.methods)
    ] = None,
    expect: Annotated[str, typer.Option(help="Refuse to run if the run's identity is another one.")] = "",
    threads: Annotated[int, typer.Option(help="Of the CPU; another number gives other last bits.")] = 1,
    workers: Annotated[int, typer.Option(help="Processes that decode an image folder's photographs.")] = 2,
    slots_per_gpu: Annotated[int, typer.Option(help="How many runs share a GPU.")] = 1,
    checkpoint_seconds: Annotated[float, typer.Option(help="What a killed run loses at most.")] = 30.0,
    results: Annotated[Path, typer.Option(metavar="FOLDER", help="The folder of results.")] = Path("results"),
) -> None:
    """Carry out one run, with what it needs, and show its progress and its numbers.

    Ctrl-C stops it at a checkpoint, from which the same command goes on. A finished run is only shown.

    Exit status 1: it ended in an error. Its other outcomes (diverged, collapsed, …) are results.

    Examples:
        reprune run dense --dataset digits --arch convnet_small --recipe digits --budget 0.1
        reprune run gmp --dataset digits --arch convnet_small --sparsity 0.9 --recipe digits --budget 0.1
        reprune run elsa --dataset digits --arch convnet_small --sparsity 0.9,0.5 --recipe digits --budget 0.1
    """
    from bench.commands.runs.one import run as carry_out

    raise typer.Exit(carry_out(job(context.params)))


def job(asked: Mapping[str, Any]) -> Job:
    """The job of a call, from its options by the names that they have in `run`. Raises `UserError`."""
    from bench.errors import UserError
    from bench.plan.job import Job

    fields = dict(asked)
    methods = [each for each in (fields.pop("name"), fields.pop("method")) if each is not None]
    if len(methods) != 1:
        raise UserError("name the method once, as in `reprune run gmp …`; `reprune methods` lists them.")
    points = numbers("--sparsity", fields.pop("sparsity"))
    fields |= {"method": methods[0], "architecture": fields.pop("arch"), "points": points}
    return Job.read(fields, "the command line")

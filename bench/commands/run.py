"""`reprune run`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.commands import completion

METHOD = "A method, such as gmp or 'gmp\\[schedule.every=10]'."


def run(
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
    from bench.errors import UserError

    if (name is None) == (method is None):
        raise UserError("name the method once, as in `reprune run gmp …`; `reprune methods` lists them.")
    options = {
        "--dataset": dataset,
        "--architecture": arch,
        "--method": name or method,
        "--points": sparsity,
        "--seed": seed,
        "--recipe": recipe,
        "--budget": budget,
        "--prunable": prunable,
        "--expect": expect,
        "--results": results,
        "--threads": threads,
        "--slots-per-gpu": slots_per_gpu,
        "--workers": workers,
        "--checkpoint-seconds": checkpoint_seconds,
    }
    raise typer.Exit(carry_out([f"{option}={value}" for option, value in options.items()]))

"""`reprune compare`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.commands import completion
from bench.commands.arguments import AsJson, Results

WHAT = "A run (id, unique beginning, folder, record), a grid's file, or a kept folder."


def compare(
    a: Annotated[str, typer.Argument(metavar="A", help=WHAT, autocompletion=completion.anything)],
    b: Annotated[
        str, typer.Argument(metavar="B", help="What it is compared with.", autocompletion=completion.anything)
    ],
    results: Results = Path("results"),
    as_json: AsJson = False,
) -> None:
    """Say in what two runs, grids or kept folders differ: in what was asked, in the environment, in the numbers.

    Runs are compared number by number and bit by bit; grids cell by cell, with Welch's 95 % interval.

    Exit status 1: a number differs, or a run is in one of the two grids only.

    Examples:
        reprune compare digits-resnet8_cifar-gmp-0.95-s0 digits-resnet8_cifar-gmp-0.95-s1
        reprune compare reports/reproductions/digits reports/reproductions/systems-on-digits
    """
    from bench.commands.runs.compare import compare as write

    raise typer.Exit(write(a, b, results, as_json=as_json))

"""`reprune rerun`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.commands.arguments import AsJson, Results, Run


def rerun(
    run: Run,
    check: Annotated[
        bool, typer.Option("--check", help="Compare with the record: bit by bit, or within what.")
    ] = False,
    within: Annotated[
        float | None, typer.Option(min=0, help="Percentage points of accuracy that count as reproduced, too.")
    ] = None,
    keep: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", "--keep", metavar="FOLDER", help="Where the repeated run stays; else it is deleted."
        ),
    ] = None,
    results: Results = Path("results"),
    as_json: AsJson = False,
) -> None:
    """Repeat a run from its record, in a folder of its own, and say whether it reproduces.

    The record is all it takes. What the run shared with others is trained again, too.

    Exit status 1: the check found a difference that other hardware does not explain.

    Examples:
        reprune rerun digits-convnet_small-snip-0.95-s0 --check
        reprune rerun cifar10-resnet20_cifar-dpf-0.9-s0 --check --within 0.5 -o again
    """
    from bench.commands.runs.repeat import rerun as repeat

    checked = check or within is not None
    raise typer.Exit(repeat(run, results, check=checked, within=within, keep=keep, as_json=as_json))

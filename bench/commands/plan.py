"""`reprune plan`."""

from __future__ import annotations

from typing import Annotated

import typer

from bench.base.defaults import QUICK
from bench.commands.arguments import AsJson, Changes, GridFile, read_grid


def plan(
    config: GridFile = QUICK,
    fields: Changes = None,
    runs: Annotated[bool, typer.Option("--runs", help="A line for each run, too.")] = False,
    probe: Annotated[bool, typer.Option(help="Measure the speed of training, some seconds per network.")] = True,
    as_json: AsJson = False,
) -> None:
    """Say how many runs and cells a grid has, what is done, and the hours and the disk that the rest will take.

    Examples:
        reprune plan configs/quick.yaml --no-probe
        reprune plan configs/papers/rigl.yaml budget=0.1 seeds='[0]' --no-probe --runs
    """
    from bench.workflow.plan import show

    show(read_grid(config, fields), runs=runs, probe=probe, as_json=as_json)

"""`reprune status`."""

from __future__ import annotations

import typer

from bench.base.defaults import QUICK
from bench.commands.arguments import AsJson, Changes, GridFile, read_grid


def status(config: GridFile = QUICK, fields: Changes = None, as_json: AsJson = False) -> None:
    """Say how far a grid is: runs done, running, failed and to do, where the running ones are, and the time left.

    It takes no lock and writes nothing, so it may be asked while Snakemake is at work.

    Exit status 1: a run has failed.

    Examples:
        reprune status
        reprune status configs/papers/rigl.yaml seeds='[0]'
        reprune status configs/cifar10.yaml --json
    """
    from bench.commands.runs.status import show

    raise typer.Exit(show(read_grid(config, fields), as_json=as_json))

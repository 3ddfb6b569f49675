"""`reprune doctor`."""

from __future__ import annotations

import typer

from bench.base.defaults import QUICK
from bench.commands.arguments import AsJson, GridFile, read_grid


def doctor(config: GridFile = QUICK, as_json: AsJson = False) -> None:
    """Say what was found on this machine, and what to do about what is missing.

    The exit status is 1 if the grid cannot run before something is mended.

    Examples:
        reprune doctor
        reprune doctor configs/cifar10.yaml --json
    """
    from bench.commands.listing.machine import examine

    raise typer.Exit(examine(read_grid(config), as_json))

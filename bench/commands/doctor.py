"""`reprune doctor`."""

from __future__ import annotations

import typer

from bench.commands.arguments import QUICK, GridFile, read_grid


def doctor(config: GridFile = QUICK) -> None:
    """Say what was found on this machine, and what to do about what is missing.

    Examples:
        reprune doctor
        reprune doctor configs/cifar10.yaml
    """
    from bench.listing.machine import examine

    raise typer.Exit(examine(read_grid(config)))

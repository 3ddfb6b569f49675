"""`reprune export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.commands import completion
from bench.commands.arguments import Changes, read_grid


def export(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="GRID|FOLDER", help="A grid, or a folder that `keep` made.", autocompletion=completion.sources
        ),
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FOLDER|FILE", help="What to write: a folder, or a .zip.")
    ],
    fields: Changes = None,
    weights: Annotated[bool, typer.Option("--weights", help="Put the trained networks in, too.")] = False,
) -> None:
    """Write a finished grid as a research object (RO-Crate): workflow, records, environments, tables, citations.

    Examples:
        reprune export reports/reproductions/digits -o digits-crate
        reprune export configs/quick.yaml --weights -o quick.zip
    """
    from datetime import UTC, datetime

    from bench.errors import UserError
    from bench.sharing.export import export as write

    if source.is_dir() and fields:
        raise UserError(f"'{fields[0]}' is for grids; a kept folder ({source}) is exported as it is.")
    grid = None if source.is_dir() else read_grid(source, fields)
    print(write(source, grid, output, weights=weights, today=datetime.now(UTC).date()))

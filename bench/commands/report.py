"""`reprune report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from bench.commands import completion
from bench.commands.arguments import Changes


def report(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="GRID|FOLDER", help="A grid, or a folder that `keep` made.", autocompletion=completion.sources
        ),
    ],
    fields: Changes = None,
    only: Annotated[
        Literal["collect", "table"] | None, typer.Option(help="The tracking store alone, or all but page and plots.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FOLDER", help="Of a kept folder: where to write, if not into itself."),
    ] = None,
) -> None:
    """Write the tables of a grid, whether or not all runs are finished, or of a kept folder.

    A grid's go to reports/GRID/, and its records to the tracking store.

    Examples:
        reprune report configs/quick.yaml
        reprune report reports/reproductions/digits -o reports/digits
    """
    from bench.report import produce

    raise typer.Exit(produce(source, fields or [], only, output))

"""`reprune verify`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.commands import completion
from bench.commands.arguments import AsJson, Changes

PLACE = "A folder of results, a kept folder, or a grid's file."


def verify(
    place: Annotated[
        Path, typer.Argument(metavar="RESULTS|FOLDER|GRID", help=PLACE, autocompletion=completion.sources)
    ] = Path("results"),
    fields: Changes = None,
    as_json: AsJson = False,
) -> None:
    """Check every record, weight hash, prediction and finished stage, and that tables are what their records give.

    Nothing is trained or evaluated.

    Exit status 1: something is wrong, and a line says what.

    Examples:
        reprune verify
        reprune verify reports/reproductions/digits
        reprune verify configs/quick.yaml --json
    """
    from bench.runs.verify import verify as check

    raise typer.Exit(check(place, fields, as_json=as_json))

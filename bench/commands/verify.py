"""`reprune verify`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.commands import completion
from bench.commands.arguments import AsJson

PLACE = "Folders of results, kept folders or folders of these; or a grid's file, and fields to change in it."


def verify(
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="RESULTS|FOLDER|GRID…", help=PLACE, autocompletion=completion.sources),
    ] = None,
    evaluate: Annotated[
        bool, typer.Option("--evaluate", help="Have the stored networks classify the test images once more.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Compute again what records, tables, networks, data and tracking store say, and name what cannot be.

    Nothing is trained, and nothing evaluated unless it is asked for.

    Exit status 1: something is wrong, and a line says what.

    Examples:
        reprune verify
        reprune verify reports/reproductions
        reprune verify configs/quick.yaml --json
    """
    from bench.commands.runs.verify import verify_all

    fields = [word for word in words or [] if "=" in word and not Path(word).exists()]
    places = [Path(word) for word in words or [] if word not in fields] or [Path("results")]
    raise typer.Exit(verify_all(places, fields, as_json=as_json, evaluate=evaluate))

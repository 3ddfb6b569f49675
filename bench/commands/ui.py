"""`reprune ui`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.commands.arguments import Results


def ui(
    results: Results = Path("results"),
    uri: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Of a store elsewhere, postgresql://… or sqlite:///….")
    ] = "",
    port: Annotated[int, typer.Option(help="Of the page.", min=1, max=65535)] = 5000,
) -> None:
    """Serve MLflow's page of a tracking store, for this machine only and with its job execution off.

    Ctrl-C ends it. The store is filled by `reprune report GRID`.

    Examples:
        reprune ui
        reprune ui --results /data/results --port 5001
    """
    from bench.tracking import page

    page.serve(uri or page.of(results), port)

"""`reprune keep`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.commands.arguments import Changes, GridFile, read_grid


def keep(
    config: GridFile,
    output: Annotated[
        Path,
        typer.Option("-o", "--output", "--to", metavar="FOLDER", help="Where, such as reports/reproductions/NAME."),
    ],
    fields: Changes = None,
) -> None:
    """Keep a grid's records, without weights, in a folder to be committed, with its tables; repeat it at will.

    Examples:
        reprune keep configs/quick.yaml -o reports/reproductions/digits
    """
    from bench.report import kept
    from bench.results import manifest

    print(kept.keep(read_grid(config, fields), output))
    kept.rebuild(output)
    manifest.write(output)

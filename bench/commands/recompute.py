"""`reprune recompute`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.commands import completion
from bench.commands.arguments import AsJson, DataDir, Results


def recompute(
    sources: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SOURCE…", help="Of published/networks; all by default.", autocompletion=completion.networks
        ),
    ] = None,
    listing: Annotated[bool, typer.Option("--list", help="Say what there is and which files are missing.")] = False,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", metavar="FOLDER", help="Keep records and tables in a folder a source below this one."
        ),
    ] = None,
    results: Results = Path("results"),
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Recompute published numbers from the authors' own networks, and say which are equal to the digit.

    Nothing is trained. Network files are brought by hand and checked by their checksums; what is measured already is
    not measured again.

    Exit status 1: files are missing of networks not measured yet; a line says which, and where they come from.

    Examples:
        reprune recompute --list
        reprune recompute dns akamaster
        reprune recompute -o reports/reproductions/recomputed
    """
    from bench.commands.listing import recomputed
    from bench.recompute import cells

    chosen = [cells.load(name) for name in sources or cells.sources()]
    if listing:
        recomputed.show(chosen, data_dir, as_json)
        return
    raise typer.Exit(recomputed.carry_out(chosen, results, data_dir, output, as_json))

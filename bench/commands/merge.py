"""`reprune merge`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.commands.arguments import AsJson


def merge(
    sources: Annotated[
        list[Path], typer.Argument(metavar="DIR", help="Folders of results, or kept folders, of other machines.")
    ],
    to: Annotated[
        Path, typer.Option("--results", "--to", metavar="FOLDER", help="The folder of results they go to.")
    ] = Path("results"),
    dry_run: Annotated[bool, typer.Option("-n", "--dry-run", help="Only say what would be done.")] = False,
    stages: Annotated[
        bool,
        typer.Option("--stages", help="Also the trainings that runs share, from which later runs here will start."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Bring results of several machines together: runs with their weights, and with --stages the trainings they share.

    The same run with the same numbers is one run. With others it is a conflict: it is named, with what differs and who
    made it, and the one that was in that folder first stays. Errors and damaged records give way to runs that ended.
    Exit status 1: there was a conflict, or a run could not be taken. `reprune report GRID` then sees all runs.

    Examples:
        reprune merge reports/reproductions/digits --dry-run
        reprune merge /mnt/laptop/results /mnt/server/results --stages
    """
    from bench.commands.merging.show import show

    raise typer.Exit(show(sources, to, dry=dry_run, stages=stages, as_json=as_json))

"""`reprune evidence`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from bench.commands.arguments import AsJson


def evidence(
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FOLDER", help="Write index.md, evidence.md and evidence.html there."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say what is known of every published number: re-trained, recomputed, counted, or only read.

    From published numbers and kept records alone; disagreements come first.

    Examples:
        reprune evidence
        reprune evidence -o reports
        reprune evidence --json
    """
    from bench.base.printing import emit
    from bench.evidence import show

    found = show.state()
    if output is None or as_json:
        emit(show.as_json(found) if as_json else show.terminal(found))
    if output is not None:
        paths = show.write(found, output)
        print("\n".join(map(str, paths)), file=sys.stderr if as_json else sys.stdout)

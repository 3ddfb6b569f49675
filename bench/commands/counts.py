"""`reprune counts`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from bench.commands.arguments import AsJson


def counts(
    paper: Annotated[
        str, typer.Option(metavar="PAPER", help="Every count of a source: part of its authors, title or arXiv number.")
    ] = "",
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FOLDER", help="Write counts.md and counts.csv there.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Count again what papers print about parameters, multiply-adds, sizes and sparsities.

    Arithmetic only: no data, nothing is trained, and no accuracy is tested.

    Examples:
        reprune counts
        reprune counts --paper 2002.03231
        reprune counts --json
    """
    from bench.base.printing import emit
    from bench.counts import load, show
    from bench.counts.verdict import judge
    from bench.errors import NotFound
    from bench.published.search import near

    verdicts = judge(load())
    found = [verdict for verdict in verdicts if verdict.count.fits(paper)]
    known = sorted({text for verdict in verdicts for text in (verdict.count.paper, verdict.count.arxiv) if text})
    if as_json:
        emit(show.as_json(found))
    elif found:
        emit(show.page(found, every=bool(paper)))
    if not found:
        raise NotFound(f"no count is of a source like {paper[:100]!r}; {near(paper, known)}")
    if output is not None:
        paths = show.write(verdicts, output)
        print("\n".join(map(str, paths)), file=sys.stderr if as_json else sys.stdout)

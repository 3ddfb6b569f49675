"""`reprune published`: search the published numbers, and verify one."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

app = typer.Typer(help="Search the published numbers (the default), or verify one with the paper at hand.")

WIDTH = 240
"""Columns of a table where the output is no terminal."""


@app.callback(invoke_without_command=True)
def search(
    context: typer.Context,
    method: Annotated[str, typer.Option(help="our name, or part of the printed one")] = "",
    dataset: Annotated[str, typer.Option(help="cifar10, imagenet, …")] = "",
    arch: Annotated[str, typer.Option(help="our name, or part of the printed one")] = "",
    paper: Annotated[str, typer.Option(help="part of its authors, title, arXiv number or row ids")] = "",
    sparsity: Annotated[float | None, typer.Option(help="a fraction, such as 0.9")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="all fields, for programs")] = False,
) -> None:
    """List published rows: value, spread, how it was read, and the recipe or why it is not comparable."""
    if context.invoked_subcommand:
        return
    from rich.console import Console

    from bench import published
    from bench.published import search as searching

    everything, query = published.load(), searching.Query(method, dataset, arch, paper, sparsity)
    found = searching.find(everything, query)
    if as_json:
        print(json.dumps(searching.as_json(everything, found), indent=1, ensure_ascii=False))
        return
    console = Console(width=None if sys.stdout.isatty() else WIDTH, highlight=False)
    if not found:
        print("No published row is like that; `reprune published` lists the papers.")
    elif query:
        console.print(searching.listing(everything, found))
        print(f"{len(found)} rows")
    else:
        console.print(searching.overview(everything))
        print(f"{len(found)} rows; name a method, data set, architecture, paper or sparsity to see them")


@app.command()
def verify(
    row: Annotated[str, typer.Argument(help="the row's id")],
    value: Annotated[str, typer.Option(help="as printed, in percent (100 minus the error, if it is one)")],
    page: Annotated[str, typer.Option(help="where in the paper")],
    std: Annotated[str | None, typer.Option(help="what stands after ±")] = None,
    seeds: Annotated[int | None, typer.Option(help="the number of runs", min=1)] = None,
) -> None:
    """Say that you have read a row's number in the authors' paper: it becomes `primary`, with page and date."""
    from bench import published
    from bench.published import verify as verifying

    done = verifying.verify(row, verifying.Reading(value, page, std, seeds))
    if done.differences:
        print(
            f"ATTENTION: {row} had {', '.join(done.differences)}. The paper's numbers are there now, "
            "and the old ones in the note: please check both once more.",
            file=sys.stderr,
        )
    print(f"{row} is primary now: {value}{f' ± {std}' if std else ''}, page {page} ({done.path}).")
    protocols = published.load(done.path.parent).protocols
    still = published.barriers(done.row, protocols[done.row.protocol])
    if still:
        print(f"Still not comparable: {'; '.join(still)}.")

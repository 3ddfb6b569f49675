"""`reprune published` and `reprune published verify`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from bench.commands import completion
from bench.commands.arguments import AsJson, Results

WIDTH = 240
"""Columns of a table where the output is no terminal."""


def published(
    context: typer.Context,
    method: Annotated[
        str,
        typer.Option(metavar="METHOD", help="Our name, or part of the printed one.", autocompletion=completion.methods),
    ] = "",
    dataset: Annotated[
        str, typer.Option(metavar="DATASET", help="As cifar10, or a part of it.", autocompletion=completion.datasets)
    ] = "",
    arch: Annotated[
        str, typer.Option(metavar="ARCH", help="Our name, or part of the printed one.", autocompletion=completion.archs)
    ] = "",
    paper: Annotated[
        str, typer.Option(metavar="PAPER", help="Part of its authors, title, arXiv number or row ids.")
    ] = "",
    sparsity: Annotated[float | None, typer.Option(metavar="FRACTION", help="A fraction, such as 0.9.")] = None,
    missing: Annotated[
        bool,
        typer.Option("--missing", help="Only comparable rows that were not run yet, the cheapest that decide first."),
    ] = False,
    seeds: Annotated[
        int | None,
        typer.Option(metavar="N", help="How many to plan for --missing, if not the fewest that decide.", min=1),
    ] = None,
    results: Results = Path("results"),
    as_json: AsJson = False,
) -> None:
    """Search the published numbers: value, spread, how it was read, and the recipe or why it is not comparable.

    `reprune published verify` is for whoever has the paper at hand.

    Examples:
        reprune published
        reprune published --method rigl --dataset cifar10 --arch wrn22_2_cifar --sparsity 0.9
        reprune published --paper 2006.07253 --json
        reprune published --missing --method gmp
    """
    if context.invoked_subcommand:
        return
    from bench import published as numbers
    from bench.base.printing import emit, terminal
    from bench.errors import NotFound
    from bench.published import search as searching

    everything, query = numbers.load(), searching.Query(method, dataset, arch, paper, sparsity)
    found = searching.find(everything, query)
    if not found:
        if as_json:
            print("[]")
        raise NotFound(searching.nothing(everything, query))
    if missing:
        from bench.commands.listing.missing import show

        show(everything, found, seeds, results, as_json)
        return
    if as_json:
        emit(searching.as_json(everything, found))
    elif query:
        terminal(WIDTH).print(searching.listing(everything, found))
        print(f"{len(found)} rows")
    else:
        terminal(WIDTH).print(searching.overview(everything))
        print(f"{len(found)} rows; name a method, data set, architecture, paper or sparsity to see them")


def verify(
    row: Annotated[str, typer.Argument(metavar="ROW", help="The row's id.")],
    value: Annotated[
        str, typer.Option(metavar="PERCENT", help="As printed, in percent (100 minus the error, if it is one).")
    ],
    page: Annotated[str, typer.Option(metavar="PAGE", help="Where in the paper.")],
    std: Annotated[str | None, typer.Option(metavar="STD", help="What stands after ±.")] = None,
    seeds: Annotated[int | None, typer.Option(metavar="N", help="The number of runs.", min=1)] = None,
) -> None:
    """Say that you have read a row's number in the authors' paper: it becomes `primary`, with page and date.

    Examples:
        reprune published verify dpf-dpf-resnet20-90 --value 90.88 --std 0.07 --seeds 3 --page 7
    """
    from bench import published as numbers
    from bench.published import verify as verifying
    from bench.published.obstacles import barriers, spelled

    done = verifying.verify(row, verifying.Reading(value, page, std, seeds))
    if done.differences:
        print(
            f"ATTENTION: {row} had {', '.join(done.differences)}. The paper's numbers are there now, "
            "and the old ones in the note: please check both once more.",
            file=sys.stderr,
        )
    print(f"{row} is primary now: {value}{f' ± {std}' if std else ''}, page {page} ({done.path}).")
    protocols = numbers.load(done.path.parent).protocols
    still = barriers(done.row, protocols[done.row.protocol])
    if still:
        print(f"Still not comparable: {spelled(still)}.")


SUBCOMMANDS = (verify,)
"""What may follow `reprune published`."""

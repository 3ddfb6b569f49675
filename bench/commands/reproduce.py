"""`reprune reproduce`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from bench.commands import completion
from bench.commands.arguments import AsJson, DataDir, Results


def reproduce(
    paper: Annotated[
        str,
        typer.Argument(
            metavar="PAPER",
            help="An arXiv number or its DOI, a short name such as rigl, or a part of its title.",
            autocompletion=completion.papers,
        ),
    ],
    snakemake: Annotated[
        list[str] | None,
        typer.Argument(metavar="SNAKEMAKE…", help="Behind two dashes, options of Snakemake, as --cores 2."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("-n", "--dry-run", help="Say all of it, and run nothing.")] = False,
    hours: Annotated[
        float | None,
        typer.Option(metavar="HOURS", help="At most so long on this machine: the cells with most power an hour."),
    ] = None,
    probe: Annotated[bool, typer.Option(help="Measure the speed of training, some seconds per network.")] = True,
    results: Results = Path("results"),
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Reproduce what can be judged of a paper: counted, recomputed from its authors' networks, and re-trained.

    First it says what the paper claims, what of it can be judged and with what power, what is missing and what it
    costs; then it runs that, and ends with a verdict per number, in reports/reproduce/PAPER/. The same call goes on
    after an interruption.

    Exit status 1: a run failed, or a file is missing of a network that is not measured yet.

    Examples:
        reprune reproduce 1911.11134 --dry-run --no-probe
        reprune reproduce snfs --hours 8
        reprune reproduce 'Neuron Merging'
        reprune reproduce snfs --hours 2 -- --cores 2
    """
    from bench import published
    from bench.base.printing import emit
    from bench.commands.reproducing import outlook, show
    from bench.commands.reproducing.sought import papers, sought

    known = published.load()
    found = outlook.look(sought(paper, papers(known)), known, outlook.Places(results, data_dir), hours, probe)
    told = outlook.values(found)
    if dry_run and as_json:
        emit(told)
        return
    show.outlook(found, told, sys.stderr if as_json else sys.stdout)
    if not dry_run:
        raise typer.Exit(show.carried_out(found, snakemake or [], as_json))

"""`reprune decide`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.commands.arguments import AsJson, Changes, GridFile


def decide(
    config: GridFile,
    fields: Changes = None,
    cores: Annotated[str, typer.Option(metavar="N|all", help="CPU cores, or jobs on a cluster, at once.")] = "all",
    workflow_profile: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Of Snakemake, such as profiles/slurm.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("-n", "--dry-run", help="Only say how many seeds are likely, and what they cost.")
    ] = False,
    probe: Annotated[bool, typer.Option(help="With --dry-run: measure the speed of training.")] = True,
    as_json: AsJson = False,
) -> None:
    """Run a grid's first seeds, and more only where a verdict on a published number is open.

    The grid says `looks: true`, and is committed so before its first run. Ctrl-C stops at a checkpoint, from which the
    same command goes on.

    Exit status 1: a run is missing or ended in an error. A verdict that stays open is an answer.

    Examples:
        reprune decide configs/papers/snip_mnist_conv.yaml --dry-run
        reprune decide configs/papers/snip_mnist_conv.yaml --cores 2
    """
    from bench.commands.runs.decide import decide, foretell, opened

    call = opened(config, fields or [])
    if dry_run:
        foretell(call, probe=probe, as_json=as_json)
        return
    raise typer.Exit(decide(call, cores, workflow_profile, as_json=as_json))

"""The jobs that commands stand for: what `reprune run` and Snakemake's jobs are asked."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

import typer

from bench.commands import run
from bench.plan.job import Job, read


def asked(words: Sequence[str]) -> Job:
    """What ``reprune run`` makes of these words."""
    app = typer.Typer()
    app.command()(run.run)
    with typer.main.get_command(app).make_context("reprune run", list(words)) as context:
        return run.job(context.params)


def handed(words: Sequence[str]) -> list[str]:
    """The words of the process that carries it out, behind the name of its module."""
    return [asked(words).text]


def planned(words: str) -> Job:
    """The job that a workflow's command line hands over."""
    (text,) = shlex.split(words)
    return read(text)

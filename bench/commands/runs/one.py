"""``reprune run``: one run without Snakemake, for a person who looks on."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.text import Text

from bench import data
from bench.base import disk
from bench.base.printing import terminal
from bench.base.runlog import log_to
from bench.commands.runs import live, numbers
from bench.data import initial_file
from bench.data.images import file_of
from bench.errors import UserError
from bench.plan.job import Job
from bench.results import find
from bench.spec import RunSpec
from bench.training.run import Watch, exclusively, finished_record, status_of
from bench.workflow.progress import label

log = logging.getLogger(__name__)


def run(job: Job) -> int:
    """Carry out a run, if it is not finished, and show its numbers.

    What is missing is made first: the decoded data set, the count of multiply-adds. A run that was stopped goes on from
    its checkpoint. Returns the exit status: 1 if the run ended in an error or the machine failed it, 143 if somebody
    stopped it.
    """
    spec = job.spec()
    path = job.results / "runs" / spec.id / "record.json"
    if finished_record(path, spec) is not None:
        print("This run is finished; delete its folder to carry it out again.")
    elif status := _carried_out(spec, job):
        return status
    found = find.read(path)
    numbers.show(found, path, terminal())
    return int(found.outcome == "error")


def _carried_out(spec: RunSpec, job: Job) -> int:
    initial_file.locate(spec.recipe.initialisation)
    disk.check(job.results)

    def work(watch: Watch | None) -> int:
        prepare(spec.dataset, job.results / "data")
        return exclusively(spec, job, watch)

    return attended(spec, job.results / "runs" / spec.id, work)


def attended(spec: RunSpec, folder: Path, work: Callable[[Watch | None], int]) -> int:
    """Work on a run whose log goes to its folder, and show how it goes on: bars on a terminal, else the log."""
    console = Console(stderr=True, highlight=False)
    if not console.is_terminal or spec.recipe.gpus > 1:  # several processes write lines of their own
        log_to(folder / "log.txt")
        return status_of(lambda: work(None))
    log_to(folder / "log.txt", shown=live.Above(console))
    console.print(Text.assemble((label(spec), "bold"), ("  Ctrl-C stops at a checkpoint", "dim")), soft_wrap=True)

    def shown() -> int:
        with live.bars(console) as bars:
            return work(bars.watch)

    status = status_of(shown)
    console.print()
    return status


def prepare(dataset: str, folder: Path) -> None:
    """Decode a data set to a folder if it is not there. Raises `UserError` if its originals are missing."""
    if file_of(dataset, folder).exists():
        return
    log.info("preparing data set %s", dataset)
    try:
        data.prepare(dataset, folder)
    except UserError as error:
        raise UserError(f"{error} `reprune prepare {dataset} --download` fetches what can be fetched.") from None

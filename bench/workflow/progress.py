"""What the terminal shows while a grid runs: one line per finished run instead of Snakemake's log.

    [ 12/78] digits · resnet8_cifar · gmp · 95 % · seed 1 → 91.2 %   3 min left

Snakemake reports what happens as events on an ordinary `logging` logger, in its main process, whether a job runs here
or on a cluster. So a handler there knows everything, jobs need not be asked, and nothing is written at the same time
by several of them. Snakemake's own log file (`.snakemake/log/`) stays as it is.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from bench.base import heartbeat
from bench.base.spelling import Spelling
from bench.results.last_words import STAMP, final_line
from bench.results.record import glance
from bench.spec import RunSpec

NOISE_EVENTS = (
    *("workflow_started", "resources_info", "run_info", "progress"),
    *("job_info", "job_started", "job_finished", "shellcmd"),
)
NOISE_STARTS = (
    "Assuming unrestricted",
    "Building DAG",
    "Cleaning up SLURM log files",
    "Complete log",
    "Conda environments: ignored",
    "Elapsed time",
    "Reasons:",
    "Select jobs",
    "This was a dry-run",
    "Using shell",
)
NOISE_WARNINGS = (
    *("Cannot restore", "Restored previous version"),
    "Warning: the following output files of rule train were not present",
    # A cluster that needs an account says so when it refuses a job; an account that is guessed is still named.
    *("No SLURM account given", "No account was given", "Unable to guess SLURM account"),
)
STOPS = ("Terminating processes on user request", "Will exit after finishing currently running jobs")
"""What Snakemake says when it got a signal."""
SUBMITTED = re.compile(r"Job \d+ has been submitted with SLURM jobid|Submitted job \d+ with external jobid")
"""One line for each job; Snakemake's log file has it, and the line of a job that failed names its number."""
WORDY = (
    "Detailed failure reason unavailable (status command is not 'sacct').",
    "For further error details see the cluster/cloud log and the log files of the involved rule(s).",
)
"""What executors add to the reason of each failure."""


class Progress(logging.Handler):
    """Turns Snakemake's events into lines.

    Args:
        labels: what to call each run, by run id.
        runs: the folder of the runs' folders.
        dry: whether nothing is executed (``snakemake -n``); then what would be is listed.
        show: takes each line; standard output by default.
        clock: seconds that only go forward.

    Attributes:
        failed: the ids of runs whose jobs ended without a record.
        stopped: whether somebody has asked for the end of the workflow.
    """

    def __init__(
        self,
        labels: Mapping[str, str],
        runs: Path,
        dry: bool = False,
        show: Callable[[str], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self.labels, self.runs, self.dry, self.show, self.clock = labels, runs, dry, show or _print, clock
        self.total = 0
        self.ended: set[str] = set()
        self.started: float | None = None
        self.running: dict[int, str] = {}
        self.failed: set[str] = set()
        self.stopped = False
        self._planned = False

    def emit(self, record: logging.LogRecord) -> None:
        """Handle one of Snakemake's log records; what goes wrong here is printed and must not stop the runs."""
        try:
            self._handle(record, str(getattr(record, "event", "")))
        except Exception:
            self.handleError(record)

    def _handle(self, record: logging.LogRecord, event: str) -> None:
        if event == "run_info":
            self._plan(vars(record)["stats"])
        elif event == "job_info":
            self._job(vars(record))
        elif event == "job_finished":
            self._end(vars(record)["job_id"], "")
        elif event == "job_error":
            self._failed(vars(record))
        elif str(record.msg).startswith(STOPS):
            self.stopped = True

    def _plan(self, stats: Mapping[str, int]) -> None:
        if self._planned:  # a dry run says this again at its end
            listed = set(self.running.values())
            for run in (run for run in self.labels if run in listed):
                self.show(f"  train {self.labels[run]}")
            return
        self._planned, self.total = True, stats.get("train", 0)
        verb = "would be trained" if self.dry else "to train"
        self.show(f"{self.total} of {len(self.labels)} runs {verb}" if self.total else "Every run is finished.")

    def _job(self, job: Mapping[str, Any]) -> None:
        run = job["wildcards"].get("run") if job["rule_name"] == "train" else None
        if run is None:
            if job["rule_name"] != "all":
                self.show(f"  {' '.join([job['rule_name'], *job['wildcards'].values()])}")
        else:
            self.started = self.clock() if self.started is None else self.started
            self.running[job["jobid"]] = run
            self.ended.discard(run)  # it failed, and is tried again
            self.failed.discard(run)

    def _failed(self, job: Mapping[str, Any]) -> None:
        """Say why a job failed: what the executor knows (a cluster does), what it wrote last, and where the rest is."""
        reasons = [reason for reason in (cause(job["rule_msg"] or ""), last_line(job["log"])) if reason]
        problem = (
            f"failed: {'; '.join(reasons) or 'it left no message'}   (log: {', '.join(map(relative, job['log']))})"
        )
        if job["jobid"] in self.running:
            self.failed.add(self.running[job["jobid"]])
            self._end(job["jobid"], problem)
        elif job["rule_name"] != "all":  # which has just said why
            self.show(f"  {job['rule_name']} {problem}")

    def _end(self, job: int, problem: str) -> None:
        run = self.running.pop(job, None)
        if run is None:
            return
        self.ended.add(run)
        count = f"[{len(self.ended):{len(str(self.total))}}/{self.total}]"
        result = problem or outcome(self.runs / run / "record.json")
        self.show(f"{count} {self.labels[run]} → {result}{self._left()}")

    def _left(self) -> str:
        """How long the rest takes if it goes on at this pace; runs being trained count as half done.

        On a cluster most of the jobs that were started only wait. One that is at work has said so.
        """
        assert self.started is not None
        if len(self.ended) == self.total:
            return ""
        done = len(self.ended) + sum((self.runs / run / heartbeat.NAME).exists() for run in self.running.values()) / 2
        return f"   {duration((self.clock() - self.started) / done * (self.total - done))} left"


def _print(line: str) -> None:
    with suppress(BrokenPipeError):  # nobody reads on: `snakemake | head`, a terminal that was closed
        print(line, flush=True)


def outcome(record: Path) -> str:
    """A run's accuracies, or what became of it."""
    word, reason, accuracies = glance(record)
    return f"{word}: {reason}" if word != "ok" else ", ".join(f"{accuracy:.1f} %" for accuracy in accuracies)


def cause(message: str) -> str:
    """What an executor says of a failed job, on one line, without the command and what it says of every failure."""
    text = message.partition("sbatch call:")[0]
    for words in WORDY:
        text = text.replace(words, "")
    return " ".join(text.split()).removesuffix(".")


def last_line(logs: Sequence[str]) -> str:
    """The last line that a failed job wrote, which names the cause; empty if it died before it wrote one.

    Of its logs the first with a line counts: the job's own stands before those of the cluster.
    """
    found = next(filter(None, map(final_line, map(Path, logs))), "")
    return STAMP.sub("", found, count=1)


def relative(path: str | Path) -> str:
    """A path as one would type it here: Snakemake and its executors make many absolute."""
    here = Path.cwd()
    return str(Path(path).relative_to(here) if Path(path).is_relative_to(here) else path)


def duration(seconds: float) -> str:
    """Seconds as a person says them: ``40 s``, ``3 min``, ``2 h 5 min``."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def label(spec: RunSpec, spelling: Spelling | None = None) -> str:
    """What a run is called on the terminal: ``digits · resnet8_cifar · gmp · 95 % · seed 1``.

    Runs of a grid are told apart by the `spelling` of its plan.
    """
    points = ", ".join(map((spelling or spec.spelling).percentage, spec.points))
    parts = [spec.dataset, spec.architecture, spec.method_text, points and f"{points} %", f"seed {spec.seed}"]
    return " · ".join(part for part in parts if part)


def noise(record: logging.LogRecord) -> bool:
    """Whether a message of Snakemake's is one that the lines of `Progress` replace.

    Of errors, those are the failures of jobs, for which Snakemake lists all inputs and the whole command. Of warnings,
    those on outputs that another workflow wrote (`update` in the Snakefile), or of which there is no earlier version,
    and on accounts of a cluster that has none.
    """
    event = str(getattr(record, "event", ""))
    if record.levelno >= logging.WARNING:
        text = str(record.msg)
        return event == "job_error" or "CalledProcessError" in text or text.startswith(NOISE_WARNINGS)
    text = str(record.msg)
    return event in NOISE_EVENTS or text.startswith(NOISE_STARTS) or bool(SUBMITTED.match(text))


def attach(logger: logging.Logger, progress: Progress, verbose: bool = False) -> None:
    """Show `progress` on the terminal, and of Snakemake's own messages only what it does not replace.

    Args:
        logger: Snakemake's.
        progress: the handler to add.
        verbose: leave Snakemake's messages as they are.
    """
    for handler in logger.handlers:
        if not verbose and isinstance(handler, logging.StreamHandler) and not isinstance(handler, logging.FileHandler):
            handler.addFilter(lambda record: not noise(record))
    logger.addHandler(progress)

"""What is going on with a run, as its folder tells from outside: finished, at work, failed, or to be done.

A job holds a lock on its run's folder (`bench.training.run`). Who holds which lock the system tells in ``/proc/locks``,
so nothing has to be tried, and no lock is taken for a moment that a job might want. Jobs on other machines do not stand
there; a folder that was written to a moment ago betrays them.
"""

from __future__ import annotations

import os
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bench.base.spelling import Spelling
from bench.errors import printable
from bench.results.record import glance
from bench.spec import RunSpec
from bench.workflow.progress import label

State = Literal["done", "running", "failed", "to do"]

LOCKS = Path("/proc/locks")

FRESH = 120.0
"""Seconds within which a job writes to its folder: a checkpoint every 30, a line of its log at every evaluation."""

TAIL = 20_000
"""Bytes at the end of a log that are looked at."""

NUMBER = r"\d+(?:\.\d+)?(?:e\+\d+)?"

EPOCH = re.compile(rf"^\S+ \S+ (?P<stage>.+) epoch (?P<epoch>{NUMBER})/(?P<epochs>{NUMBER})  loss ", re.MULTILINE)
"""What `bench.training.train` logs at every evaluation."""


@dataclass(frozen=True)
class Activity:
    """A run as it stands.

    Attributes:
        outcome, reason: of its record, if there is one.
        where: a remark on who is at work, if it is not a job of this machine.
        stage, epoch, epochs: of the last evaluation of an unfinished run, as its log tells; None if it tells of none.
    """

    run: str
    label: str
    state: State
    outcome: str = ""
    reason: str = ""
    where: str = ""
    stage: str | None = None
    epoch: float | None = None
    epochs: float | None = None


def of(spec: RunSpec, results: Path, now: float | None = None, spelling: Spelling | None = None) -> Activity:
    """What a run's folder tells at this moment; `spelling` as for `bench.workflow.progress.label`."""
    folder, name = results / "runs" / spec.id, label(spec, spelling)
    at_work = held(folder / "lock")
    if (folder / "record.json").exists() and not at_work:
        outcome, reason, _ = glance(folder / "record.json")
        failed = outcome in ("error", "broken")
        return Activity(spec.id, name, "failed" if failed else "done", outcome, reason)
    place = _place(folder / "log.txt")
    if at_work:
        return Activity(spec.id, name, "running", "", "", "", *place)
    age = (time.time() if now is None else now) - _written(folder)
    if abs(age) < FRESH and not _stopped(folder / "log.txt"):  # clocks are put back, and differ between machines
        ago = f"{max(age, 0):.0f} s ago"
        where = f"written to {ago} by a job that holds no lock here: on another machine, or killed just now"
        return Activity(spec.id, name, "running", "", "", where, *place)
    return Activity(spec.id, name, "to do", "", "", "", *place)


def held(lock: Path) -> bool:
    """Whether a process of this machine holds the lock of a file, as the system tells; False where it does not."""
    try:
        found = lock.stat()
        held_now = LOCKS.read_text()
    except OSError:
        return False
    device = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}:{found.st_ino}"
    # Waiting ones are marked by an arrow: "3: -> FLOCK …".
    return any("FLOCK" in line and "->" not in line and device in line.split() for line in held_now.splitlines())


def _place(log: Path) -> tuple[str, float, float] | tuple[None, None, None]:
    """Stage, epoch and epochs of the last evaluation in a log."""
    matches = list(EPOCH.finditer(_tail(log)))
    if not matches:
        return None, None, None
    return printable(matches[-1]["stage"]), float(matches[-1]["epoch"]), float(matches[-1]["epochs"])


def _stopped(log: Path) -> bool:
    """Whether the last job said that it stopped."""
    return "stopped on request" in _tail(log).rstrip().rpartition("\n")[2]


def _tail(log: Path) -> str:
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - TAIL))
            return file.read().decode(errors="replace")
    except OSError:
        return ""


def _written(folder: Path) -> float:
    """When a run's log was last written to; 0 if it has none."""
    try:
        return (folder / "log.txt").stat().st_mtime
    except OSError:
        return 0.0

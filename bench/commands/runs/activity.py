"""What is going on with a run, as its folder tells from outside: finished, at work, failed, or to be done.

Nothing is tried, and no lock is taken for a moment that a job might want: a job says itself where it is
(`bench.base.heartbeat`).
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bench.base import heartbeat
from bench.base.heartbeat import Heartbeat
from bench.base.spelling import Spelling
from bench.errors import printable
from bench.results.record import glance
from bench.spec import RunSpec
from bench.workflow.progress import label

State = Literal["done", "running", "failed", "to do"]


@dataclass(frozen=True)
class Activity:
    """A run as it stands.

    Attributes:
        outcome, reason: of its record, if there is one.
        where: a remark on who is at work, if it is not a job of this machine.
        stage, epoch, epochs: where an unfinished run was last heard of; None if it has not been.
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
    heard = heartbeat.read(folder)
    where = _at_work(*heard, time.time() if now is None else now) if heard else None
    if (folder / "record.json").exists() and where is None:
        outcome, reason, _ = glance(folder / "record.json")
        failed = outcome in ("error", "broken")
        return Activity(spec.id, name, "failed" if failed else "done", outcome, reason)
    sign = heard[0] if heard else None
    place = (printable(sign.stage), sign.epoch, sign.epochs) if sign and sign.stage else (None, None, None)
    return Activity(spec.id, name, "to do" if where is None else "running", "", "", where or "", *place)


def _at_work(sign: Heartbeat, written: float, now: float) -> str | None:
    """A remark on who is at work, empty if it is a job of this machine; None if nobody is."""
    age = now - written
    if not sign.at_work or (sign.is_local and not sign.is_alive):
        return None
    if sign.is_local:
        return ""
    if abs(age) >= heartbeat.FRESH:  # clocks are put back, and differ between machines
        return None
    return f"heard of {max(age, 0):.0f} s ago on {printable(sign.machine)}; it may have been killed since"

"""A sign of life: a small file beside a run's log, in which the job at work says where it is.

It is written where a job logs anyway, and read by whoever asks how far a run is. It names the process that wrote it, so
a job that was killed is told from one that is at work. One of another machine is believed for a while after it wrote.
"""

from __future__ import annotations

import os
import socket
import time
from contextlib import suppress
from pathlib import Path

from pydantic import Field, ValidationError

from bench.base import regular
from bench.base.atomic import unfinished
from bench.base.schema import Strict
from bench.base.visible import in_json

NAME = "heartbeat.json"

SELDOM = 2.0
"""Seconds at least between two signs."""

FRESH = 120.0
"""Seconds for which a sign of another machine is believed; there is one with every checkpoint."""

LONGEST = 4096


class Heartbeat(Strict):
    """The last sign of a job.

    Attributes:
        stage, epoch, epochs: where the run is; None before it trains.
        at_work: false once the job was stopped, and said so.
        machine, process: who wrote it.
    """

    stage: str | None = None
    epoch: float | None = None
    epochs: float | None = None
    at_work: bool = True
    machine: str
    process: str = Field(pattern=r"^\d+-\d*$")

    @property
    def is_local(self) -> bool:
        """Whether a process of this machine wrote it."""
        return self.machine == socket.gethostname()

    @property
    def is_alive(self) -> bool:
        """Whether the process of this machine that wrote it is still there."""
        return self.process == _named(int(self.process.partition("-")[0]))


class Pulse:
    """Writes the heartbeat of this process to a run's folder. A disk that takes none does not end the run."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME
        self._last = Heartbeat(machine=socket.gethostname(), process=_named(os.getpid()))
        self._written = float("-inf")

    def beat(self, stage: str | None = None, epoch: float | None = None, epochs: float | None = None) -> None:
        """Say where the run is, unless that was said a moment ago."""
        self._last = self._last.model_copy(update={"stage": stage, "epoch": epoch, "epochs": epochs})
        if time.monotonic() - self._written >= SELDOM:
            self._write(self._last)

    def stop(self) -> None:
        """Say that the job stops where it is, for another one to go on."""
        self._write(self._last.model_copy(update={"at_work": False}))

    def end(self) -> None:
        """Remove the sign of a run that has ended."""
        self._path.unlink(missing_ok=True)

    def _write(self, sign: Heartbeat) -> None:
        self._written = time.monotonic()
        temporary = unfinished(self._path)
        with suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            try:
                temporary.write_text(sign.model_dump_json(), encoding="utf-8")
                temporary.rename(self._path)  # not synced: after a loss of power nothing is at work
            finally:
                temporary.unlink(missing_ok=True)


def read(folder: Path) -> tuple[Heartbeat, float] | None:
    """The last sign in a run's folder, and when it was written; None if there is none that can be read."""
    path = folder / NAME
    try:
        sign = Heartbeat.model_validate_json(in_json(regular.read_bytes(path, most=LONGEST)))
        return sign, path.stat().st_mtime
    except (OSError, ValidationError):
        return None


def _named(process: int) -> str:
    """A process' number, and when it began, since numbers are given again; without that where no system tells it."""
    try:
        began = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        began = ""
    return f"{process}-{began}"

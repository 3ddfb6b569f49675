"""Jobs that are killed where one says: real processes, real signals, and nothing in the code knows of it.

A job is forked from a server process that has imported torch already, so starting one costs milliseconds. Before it
runs, the job puts a trap into its own copy of the code: at the so-manieth call of a function the system's signal falls,
at once or some milliseconds into the call (a timer's thread sends it, wherever the main one is then).
"""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
import stat
import sys
import threading
import time
from dataclasses import dataclass
from importlib import import_module
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import bench.training.run
from tests.jobs import asked

SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(
    # torch imports the last one when a run sets deterministic mode; for every job again it would take a second
    [
        "tests.survival.killing",
        "bench.training.stages",
        "bench.training.measure",
        "bench.results.provenance",
        "torch._inductor",
    ]
)

PLACES = {
    "training": ("bench.training.train", "Trainer._step"),
    "mask update": ("bench.training.train", "Trainer._update"),
    "evaluation": ("bench.training.train", "evaluate_run"),
    "measuring": ("bench.training.measure", "evaluation"),
    "checkpoint": ("bench.training.checkpoint", "save"),
    "half a file": ("os", "fsync"),
    "renaming": ("pathlib", "Path.replace"),
    "record": ("bench.results.record", "write"),
    "waiting": ("time", "sleep"),
    "making the store": ("sqlalchemy.engine.base", "Connection.execute"),
    "logging a run": ("mlflow.tracking.client", "MlflowClient.log_batch"),
    "logging its files": ("mlflow.tracking.client", "MlflowClient.log_artifacts"),
    "logging its curves": ("bench.tracking.rows", "log_points"),
    "ending it": ("mlflow.tracking.client", "MlflowClient.set_terminated"),
    "deleting a run": ("mlflow.tracking.client", "MlflowClient.delete_run"),
    "imports": ("bench.base.determinism", "configure"),
}
"""Functions in which a signal may fall."""

RECIPE = "digits[train.epochs=2,train.milestones=[1],evaluate_every=1]"
METHODS = {
    # every mask update of one training, and several trainings with a snapshot that the last ones rewind to
    "rigl": ["--method", "rigl[schedule.every=3]", "--points", "0.9"],
    "lth": ["--method", "lth[rewind=1,fraction=0.5]", "--points", "0.5,0.75"],
    "magnitude": ["--method", "magnitude", "--points", "0.9"],
    "one round": ["--method", "lth[rewind=1,fraction=0.5]", "--points", "0.5"],
    "dense": ["--method", "dense"],
}
OF_THE_CLOCK = {"seconds", "images_per_second", "peak_memory", "started", "git"}
"""What may differ in the records of one run; somebody may commit while the tests run."""


@dataclass(frozen=True)
class Blow:
    """A signal that falls in a job.

    Attributes:
        place: one of `PLACES`.
        call: in which call of it, counted from 1.
        delay: seconds after the call began; 0 is before anything of it is done.
    """

    place: str
    call: int = 1
    delay: float = 0.0
    number: int = signal.SIGKILL


def words(method: str, results: Path, *more: str) -> list[str]:
    """The command line of a run of seconds on the digits, with a checkpoint after every step."""
    fixed = ["--dataset", "digits", "--architecture", "convnet_small", "--recipe", RECIPE, "--checkpoint-seconds", "0"]
    return [*fixed, *METHODS[method], "--results", str(results), *more]


def start(command: list[str], *blows: Blow, environment: dict[str, str] | None = None) -> BaseProcess:
    """Start a job; its output goes to ``output.txt`` in its results."""
    results = Path(command[command.index("--results") + 1])
    job = SERVER.Process(target=_job, args=(command, results, blows, environment or {}), daemon=True)
    job.start()
    return job


def ended(job: BaseProcess) -> int:
    """Wait for a job; its exit status, or minus the signal that ended it."""
    job.join(timeout=600)
    assert job.exitcode is not None, "the job hangs"
    return job.exitcode


def wait_for(text: str, results: Path) -> None:
    """Wait until a job has said something."""
    until = time.monotonic() + 300
    while text not in ((results / "output.txt").read_text() if (results / "output.txt").exists() else ""):
        assert time.monotonic() < until, text
        time.sleep(0.02)


def carry_out(command: list[str], *blows: Blow) -> int:
    """Start a job and wait for it."""
    return ended(start(command, *blows))


def record(command: list[str]) -> Any:
    """The record a command leaves, without what depends on the clock; None if there is none."""
    arguments = asked(command)
    path = arguments.results / "runs" / arguments.spec().id / "record.json"
    return timeless(json.loads(path.read_bytes())) if path.exists() else None


def timeless(value: Any) -> Any:
    """A record without what depends on the clock, on the machine's memory and on the state of the checkout."""
    if isinstance(value, dict):
        return {name: timeless(part) for name, part in value.items() if name not in OF_THE_CLOCK}
    return [timeless(part) for part in value] if isinstance(value, list) else value


def fresh(folder: Path, prepared: Path) -> Path:
    """A results folder in which nothing has been trained."""
    shutil.rmtree(folder, ignore_errors=True)
    return Path(shutil.copytree(prepared, folder))


def steps(results: Path) -> list[str]:
    """Every step that jobs in these results finished, in order: ``seed stage step``."""
    path = results / "steps.txt"
    return path.read_text().splitlines() if path.exists() else []


def litter(results: Path) -> list[str]:
    """Half-written files that lie about, and checkpoints of what is finished (a snapshot may be there twice)."""
    patterns = (".*", "checkpoint.pt*", "rewinding-*", "final.pt.*")
    return [path.name for pattern in patterns for path in results.rglob(pattern)]


def _job(command: list[str], results: Path, blows: tuple[Blow, ...], environment: dict[str, str]) -> None:
    """What a job does; it is its own process."""
    os.environ.update(environment)
    output = os.open(results / "output.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(output, 1)
    os.dup2(output, 2)
    _count_steps(results / "steps.txt")
    _note_slots(results / "slots.txt")
    for blow in blows:
        arm(blow, results / "slots.txt")
    sys.exit(bench.training.run.main([asked(command).text]))


def _count_steps(path: Path) -> None:
    from bench.training.train import Trainer

    real = Trainer._step

    def step(trainer: Trainer, number: int) -> None:
        real(trainer, number)
        with path.open("a") as file:
            file.write(f"{trainer.run.seed} {trainer.run.stage.name} {number}\n")

    Trainer._step = step  # type: ignore[method-assign]


def _note_slots(path: Path) -> None:
    real = bench.training.run.execute

    def execute(*arguments: Any, **options: Any) -> Any:
        _note(path, "takes")
        found = real(*arguments, **options)
        _note(path, "leaves")
        return found

    bench.training.run.execute = execute


def _note(path: Path, what: str) -> None:
    """Notes lie inside the time in which the job has its slot: two that overlap are two jobs in one slot."""
    with path.open("a") as file:
        file.write(f"{time.monotonic():.6f} {what} {os.environ.get('CUDA_VISIBLE_DEVICES')}\n")


def arm(blow: Blow, slots: Path) -> None:
    """Set the trap in this process; that it leaves its slot is written to a file before it falls."""
    module, name = PLACES[blow.place]
    *owners, last = name.split(".")
    owner: Any = import_module(module)
    for each in owners:
        owner = getattr(owner, each)
    real, calls = getattr(owner, last), {"left": blow.call}

    def trap(*arguments: Any, **options: Any) -> Any:
        calls["left"] -= 1
        if calls["left"] == 0:
            if blow.place == "half a file":
                _halve(*arguments)
            if blow.delay:
                threading.Timer(blow.delay, os.kill, (os.getpid(), blow.number)).start()
            else:
                _note(slots, "leaves")
                os.kill(os.getpid(), blow.number)
        return real(*arguments, **options)

    setattr(owner, last, trap)


def _halve(descriptor: int) -> None:
    """What the disk has of a file that was being written when the blow fell; folders are synced, too."""
    found = os.fstat(descriptor)
    if stat.S_ISREG(found.st_mode):
        os.ftruncate(descriptor, found.st_size // 2)

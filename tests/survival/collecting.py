"""A process that collects records again and again, and is killed each time but the last.

``python -m tests.survival.collecting FOLDER KILLS`` imports MLflow once and forks for every attempt.
"""

from __future__ import annotations

import os
import random
import signal
import sys
from pathlib import Path

import mlflow.store.tracking.sqlalchemy_store  # noqa: F401 - once, before the forks

from bench import tracking
from bench.plan.grid import Grid, Plan
from tests import factories
from tests.survival.killing import Blow, arm

RUNS: factories.Accuracies = {("dense", None): [92.0, 92.5, 92.1], ("gmp", 0.9): [91.0, 90.1, 90.6]}
LOGGING = ("logging a run", "logging its curves", "logging its files", "ending it")


def written(folder: Path, accuracies: factories.Accuracies = RUNS) -> tuple[Grid, Plan]:
    """A grid, and the records of its six runs."""
    plan, records = factories.plan(accuracies)
    grid = factories.grid(folder)
    for record in records:
        factories.write(record, Path(grid.results))
    return grid, plan


def collect(grid: Grid, plan: Plan, blow: Blow | None) -> int:
    """Collect in a process of its own; its exit status."""
    pid = os.fork()
    if not pid:
        if blow is not None:
            arm(blow, Path(grid.results) / "notes.txt")
        tracking.collect(grid, plan)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def main(folder: Path, kills: int) -> None:
    """Kill once while the store is made, then while runs are logged; in between, records change."""
    draw = random.Random(kills)
    grid, plan = written(folder)
    struck = [collect(grid, plan, Blow("making the store", draw.randint(1, 300)))]
    while len(struck) < kills:
        blow = Blow(draw.choice(LOGGING), draw.randint(1, 4), draw.choice([0.0, draw.uniform(0, 0.05)]))
        if (status := collect(grid, plan, blow)) != 0:
            struck.append(status)
        else:  # all were logged: other values, so that they are deleted and logged again
            grid, plan = written(
                folder, {key: [value - len(struck) for value in values] for key, values in RUNS.items()}
            )
            struck.append(collect(grid, plan, Blow("deleting a run", draw.randint(1, 4), 0.001)))
    assert set(struck) == {-signal.SIGKILL}, struck
    assert collect(grid, plan, None) == 0


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))

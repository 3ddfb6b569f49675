"""SIGKILL while records are collected: the next collect has each run once, and nobody has to delete the store."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bench import tracking
from bench.results import measurements
from tests import factories

CHECKOUT = Path(__file__).parents[2]


@pytest.mark.parametrize("kills", [3, pytest.param(20, marks=pytest.mark.long)])
def test_a_collect_that_was_killed_is_made_good_by_the_next(tmp_path: Path, kills: int) -> None:
    subprocess.run([sys.executable, "-m", "tests.survival.collecting", tmp_path, str(kills)], cwd=CHECKOUT, check=True)
    grid = factories.grid(tmp_path)
    plan, _ = factories.plan({("dense", None): [50.0] * 3, ("gmp", 0.9): [50.0] * 3})
    with tracking._store(tracking.store_uri(grid)):
        runs = tracking.rows.runs(tracking._experiments(grid))
    assert sorted(run.data.tags["key"] for run in runs) == sorted(slot.key for slot in measurements.slots(plan))
    assert {run.info.status for run in runs} == {"FINISHED"}
    recorded = measurements.from_records(plan, *measurements.read_records(plan, Path(grid.results)))
    tracking.check(tracking.read(grid, plan), recorded)
    again = tracking.collect(grid, plan)
    assert (again.logged, again.unchanged) == (0, 6)
    assert not list((tmp_path / "results").glob(".mlflow*"))

"""Tracking stores that are locked, missing, damaged, somebody else's or away: nothing is lost or doubled."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from bench import report, tracking
from bench.plan.grid import Grid, Plan
from bench.tracking import store
from tests import factories
from tests.small_disk import ROOT, Disk, answer

ACCURACIES: factories.Accuracies = {("dense", None): [92.0, 92.5], ("gmp", 0.9): [91.0, 90.1]}
MAKING = "import sys; from bench.tracking import store; store.ready(f'sqlite:///{sys.argv[1]}')"
LOCKING = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute(sys.argv[2])
print("locked", flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store's file with nothing in it, made after somebody was killed while making it."""
    path = tmp_path_factory.mktemp("made") / "mlflow.db"
    words = [sys.executable, "-c", MAKING, str(path)]
    first = subprocess.Popen(words, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)})
    while not any(left.stat().st_size for left in path.parent.glob(".mlflow.db.*")) and first.poll() is None:
        time.sleep(0.01)
    first.send_signal(signal.SIGKILL)
    assert first.wait() == -signal.SIGKILL
    assert not path.exists(), "half a store is none"
    store.ready(f"sqlite:///{path}")
    assert [left.name for left in path.parent.iterdir()] == ["mlflow.db"]
    return path


@pytest.fixture
def world(made: Path, tmp_path: Path) -> tuple[Grid, Plan]:
    """A grid with a record for every run, and a store without runs."""
    grid = factories.grid(tmp_path)
    plan, records = factories.plan(ACCURACIES)
    for record in records:
        factories.write(record, Path(grid.results))
    shutil.copy(made, database(grid))
    return grid, plan


def database(grid: Grid) -> Path:
    return Path(grid.results) / "mlflow.db"


def copies(grid: Grid) -> dict[str, int]:
    """How many runs there are of each key, deleted ones not counted."""
    with tracking._store(tracking.store_uri(grid)):
        return dict(Counter(run.data.tags["key"] for run in tracking.rows.runs(tracking._experiments(grid))))


def once(plan: Plan) -> dict[str, int]:
    return {f"{run.id}@{run.points[0] if run.points else 'dense'}": 1 for run in plan.runs}


def out_of_reach(grid: Grid, plan: Plan, capsys: pytest.CaptureFixture[str]) -> str:
    """Tabulate without a store: the table comes from the records, and one line says why and what to do."""
    capsys.readouterr()
    found = report.measured(grid, plan)
    assert found.source.startswith("Values straight from the records: the tracking store was out of reach (`reprune re")
    assert found.table["accuracy"].tolist() == [92.0, 92.5, 91.0, 90.1]
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith(". The tables are built from the records instead.")
    return line


def back(grid: Grid, plan: Plan) -> None:
    """With the store there again, everything is logged once."""
    assert report.measured(grid, plan).source == "Values from MLflow, equal to the records."
    assert copies(grid) == once(plan)


@contextmanager
def held(path: Path, how: str) -> Iterator[None]:
    """Another process has a transaction of its own on the file."""
    words = [sys.executable, "-c", LOCKING, str(path), how]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "locked\n"
        yield
        other.communicate()


def test_locked_by_another_process(world: Any, capsys: Any, monkeypatch: Any) -> None:
    grid, plan = world
    monkeypatch.setattr(store, "PATIENCE", 0.2)
    with held(database(grid), "BEGIN EXCLUSIVE"):
        assert "(database is locked); close the program that has it open." in out_of_reach(grid, plan, capsys)
    back(grid, plan)


@pytest.mark.long  # MLflow waits for twenty seconds
def test_being_written_to_by_another_process(world: Any, capsys: Any) -> None:
    grid, plan = world
    with held(database(grid), "BEGIN IMMEDIATE"):
        assert re.search(
            r"database is locked.*; close the program that has it open\.", out_of_reach(grid, plan, capsys)
        )
    back(grid, plan)


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def overwrite(path: Path) -> None:
    path.write_bytes(bytes(range(256)) * 64)


def scribble(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(40 * 4096)
        file.write(b"\xff" * 8192)


def step_back(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '1bd49d398cd23'")


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (
            truncate,
            r"\(database disk image is malformed\); move \S+/mlflow.db away, and it is rebuilt from the records",
        ),
        (scribble, r"malformed|it is damaged: .*; move \S+/mlflow.db away, and it is rebuilt from the records"),
        (overwrite, r"\(file is not a database\); move \S+/mlflow.db away, and it is rebuilt from the records"),
        (step_back, r"out-of-date database schema .*; run `mlflow db upgrade sqlite:///\S+`, or move \S+ away"),
    ],
)
def test_damaged(world: Any, made: Path, capsys: Any, damage: Callable[[Path], None], said: str) -> None:
    grid, plan = world
    damage(database(grid))
    before = database(grid).read_bytes()
    began = time.monotonic()
    assert re.search(said, out_of_reach(grid, plan, capsys))
    assert time.monotonic() - began < 20, "MLflow alone tries for minutes"
    assert database(grid).read_bytes() == before, "what is damaged may still be of use to somebody"
    moved = factories.grid(Path(grid.results).parent, tracking_uri=f"sqlite:///{grid.results}/another.db")
    shutil.copy(made, Path(grid.results) / "another.db")  # as if it were made anew, which takes seconds
    back(moved, plan)


@pytest.mark.long  # an older database takes as long to make as a new one
def test_of_an_older_mlflow(world: Any) -> None:
    from alembic import command
    from alembic.script import ScriptDirectory
    from mlflow.store.db import utils
    from mlflow.store.tracking.dbmodels.initial_models import Base

    grid, plan = world
    database(grid).unlink()
    engine = utils.create_sqlalchemy_engine(tracking.store_uri(grid))
    Base.metadata.create_all(engine)
    config = utils._get_alembic_config(tracking.store_uri(grid))
    older = list(ScriptDirectory.from_config(config).walk_revisions())[3].revision
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, older)
    engine.dispose()
    back(grid, plan)
    with closing(sqlite3.connect(database(grid))) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() != (older,)


def test_of_another_program(world: Any, capsys: Any) -> None:
    grid, plan = world
    database(grid).unlink()
    with closing(sqlite3.connect(database(grid))) as connection, connection:
        connection.execute("CREATE TABLE recipes (name TEXT)")
    before = database(grid).read_bytes()
    said = out_of_reach(grid, plan, capsys)
    assert "(it is a database of another program, with a table 'recipes'); name another file" in said
    assert database(grid).read_bytes() == before


def test_a_server_that_refuses(world: Any, capsys: Any, monkeypatch: Any) -> None:
    grid, plan = world
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and never listens
        away = factories.grid(Path(grid.results).parent, tracking_uri=f"http://127.0.0.1:{taken.getsockname()[1]}")
        said = out_of_reach(away, plan, capsys)
    assert "Connection refused" in said
    assert "; start it, or name another one by tracking_uri=ADDRESS or in REPRUNE_TRACKING_URI." in said
    back(grid, plan)


def test_a_server_that_hangs(world: Any, capsys: Any, monkeypatch: Any) -> None:
    grid, plan = world
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        away = factories.grid(Path(grid.results).parent, tracking_uri=f"http://127.0.0.1:{silent.getsockname()[1]}")
        said = out_of_reach(away, plan, capsys)
    assert "timed out" in said.lower()
    assert "; start it, or name another one" in said


def test_runs_that_were_left_doubled_cut_short_or_deleted_are_there_once(world: Any) -> None:
    grid, plan = world
    back(grid, plan)
    with tracking._store(tracking.store_uri(grid)) as client:
        one, two, three, _ = tracking.rows.runs(tracking._experiments(grid))
        experiment, tags = one.info.experiment_id, one.data.tags
        client.create_run(experiment, tags=tags)  # of a collector that was killed: running, without numbers
        finished = client.create_run(experiment, tags=tags).info.run_id  # of a collector elsewhere on the same store
        client.set_terminated(finished)
        client.set_terminated(two.info.run_id, "RUNNING")
        client.delete_run(three.info.run_id)
    assert max(copies(grid).values()) == 3
    collected = tracking.collect(grid, plan)
    assert (collected.logged, collected.unchanged) == (2, 2)
    assert copies(grid) == once(plan)


def test_an_experiment_that_was_deleted_comes_back(world: Any) -> None:
    grid, plan = world
    back(grid, plan)
    with tracking._store(tracking.store_uri(grid)) as client:
        client.delete_experiment(tracking.rows.runs(tracking._experiments(grid))[0].info.experiment_id)
    assert copies(grid) == {}
    back(grid, plan)


def test_a_record_that_is_gone_or_broken_counts_for_more_than_its_run_in_the_store(world: Any) -> None:
    grid, plan = world
    back(grid, plan)
    gone, broken = (Path(grid.results) / "runs" / run.id / "record.json" for run in plan.runs[:2])
    gone.unlink()
    broken.write_text(json.dumps({"format": 1}))
    found = report.measured(grid, plan)
    assert found.source == "Values from MLflow, equal to the records."
    assert found.table["outcome"].tolist() == ["missing", "broken", "ok", "ok"]
    assert copies(grid) == once(plan), "another checkout that shares the store may have these records"


def small_disk(folder: Path, made: str) -> dict[str, Any]:
    """The scenario: collecting on a disk that is full, full again half-way, has room, and is mounted read-only."""
    small = Disk(folder, 8)
    grid = factories.grid(folder)
    plan, records = factories.plan(ACCURACIES)
    for record in records:
        factories.write(record, Path(grid.results))
    found: dict[str, Any] = {}
    small.fill()
    found["making"] = _refusal(grid, plan), sorted(path.name for path in Path(grid.results).iterdir())
    small.free()
    shutil.copy(made, database(grid))  # as if it were made, which takes seconds
    small.when_opened("curves.svg", small.fill, times=4)  # of the second run, in the store
    found["logging"] = _refusal(grid, plan), tracking.store_uri(grid)
    small.free()
    found["again"] = tracking.collect(grid, plan).unchanged, copies(grid)
    small.read_only()
    with contextlib.redirect_stderr(io.StringIO()) as said:
        found["read-only"] = report.measured(grid, plan).table["accuracy"].tolist(), said.getvalue()
    return found


def _refusal(grid: Grid, plan: Plan) -> str:
    try:
        tracking.collect(grid, plan)
    except tracking.StoreError as error:
        return str(error)
    return ""


def test_on_a_full_disk_and_on_a_read_only_one(made: Path, tmp_path: Path) -> None:
    seen = answer("tests.tracking.test_store:small_disk", tmp_path, str(made))
    said, files = seen["making"]
    assert said.endswith("; make room on its disk")
    assert files == ["mlflow.lock", "runs"], "half a store is none"
    assert seen["logging"][0].endswith("; make room on its disk")
    unchanged, found = seen["again"]
    assert unchanged == 1, "what was logged before the disk was full"
    assert found == once(factories.plan(ACCURACIES)[0])
    accuracies, said = seen["read-only"]
    assert accuracies == [92.0, 92.5, 91.0, 90.1]
    assert re.fullmatch(
        r"WARNING: nothing can be written to \S+ \(Read-only file system\).*from the records instead\.\n", said
    )

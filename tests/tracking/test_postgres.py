"""Several machines on one tracking store: PostgreSQL for real, with MLflow's server in front of it and without.

`pytest -m postgres tests/tracking`; the records are synthetic, everything else is what a team would start.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from bench import report, tracking
from bench.plan.grid import Grid, Plan, expand, load
from bench.results import measurements
from benchmarks import synthetic
from tests import factories
from tests.tracking import postgres
from tests.tracking.postgres import ESCAPED, PASSWORD, Server

pytestmark = pytest.mark.postgres

ROOT = Path(__file__).parents[2]
RUNS = 200
SMALL: factories.Accuracies = {("dense", None): [92.0, 92.5], ("gmp", 0.9): [91.0, 90.1]}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    pytest.importorskip("psycopg2", reason="PostgreSQL's driver is not there (pip install 'reprune[postgres]')")
    with postgres.server() as found:
        yield found


@pytest.fixture(scope="module")
def config(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A grid's file on the server, and the 200 records of its runs."""
    folder = tmp_path_factory.mktemp("first")
    grid, _ = synthetic.fill(folder, RUNS // 100)
    return described(grid, folder, server.uri)


@pytest.fixture(autouse=True)
def allowed(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """What stands in a grid's file is used since somebody at this machine says so."""
    monkeypatch.setenv("REPRUNE_TRACKING_URI", server.uri)


def described(grid: Grid, folder: Path, uri: str) -> Path:
    fields = grid.model_dump(mode="json", exclude_defaults=True) | {"tracking_uri": uri}
    path = folder / "grid.yaml"
    path.write_text(yaml.safe_dump(fields), encoding="utf-8")
    return path


def collector(config: Path) -> subprocess.Popen[str]:
    words = [sys.executable, "-m", "bench.commands.cli", "report", str(config), "--only", "collect"]
    return subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def logged(server: Server, query: str = "count(*)") -> int:
    try:
        return int(server.ask(f"SELECT {query} FROM runs WHERE lifecycle_stage = 'active'"))
    except AssertionError:  # the tables are not made yet
        return 0


def wait_for(what: Any, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it takes too long"
        time.sleep(0.1)


def check_discreet(text: str) -> None:
    assert PASSWORD not in text
    assert ESCAPED not in text
    assert "s3cret" not in text


def check_once(server: Server, runs: int) -> None:
    keys = "SELECT count(DISTINCT value) FROM tags JOIN runs USING (run_uuid) WHERE key = 'key' AND "
    assert int(server.ask(f"{keys} lifecycle_stage = 'active'")) == runs
    assert logged(server) == runs, "nothing doubled"
    assert int(server.ask("SELECT count(*) FROM runs WHERE lifecycle_stage = 'active' AND status = 'RUNNING'")) == 0


def test_a_killed_collector_leaves_no_lock_and_the_next_two_take_turns(server: Server, config: Path) -> None:
    killed = collector(config)
    wait_for(lambda: logged(server) > 5)
    killed.send_signal(signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL
    assert 5 < logged(server) < RUNS

    elsewhere = config.parent / "another machine"
    shutil.copytree(config.parent / "results" / "runs", elsewhere / "results" / "runs")
    grid = load(config, {"results": str(elsewhere / "results"), "reports": str(elsewhere / "reports")})
    before = logged(server)
    one = collector(config)
    wait_for(lambda: logged(server) > before)
    two = collector(described(grid, elsewhere, server.uri))
    first, second = one.communicate()[0], two.communicate()[0]
    assert (one.returncode, two.returncode) == (0, 0), first + second
    assert "waiting" not in first, "the killed one left no lock"
    assert f"Another process is collecting into postgresql://reprune:***@127.0.0.1:{server.port}/mlflow; wait" in second
    assert "MLflow: 0 logged, 200 unchanged, 0 unreadable records." in second
    check_once(server, RUNS)
    check_discreet(first + second)


def test_the_table_equals_the_records_and_nothing_tells_the_password(server: Server, config: Path) -> None:
    grid = load(config)
    plan = expand(grid)
    tracking.collect(grid, plan)
    table = tracking.read(grid, plan)
    records, problems = measurements.read_records(plan, Path(grid.results))
    pd.testing.assert_frame_equal(table, measurements.from_records(plan, records, problems), check_exact=True)

    words = [sys.executable, "-m", "bench.commands.cli", "report", str(config), "--only", "table"]
    said = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert said.returncode == 0, said.stderr
    assert "Values from MLflow, equal to the records." in (grid.report_folder / "table.md").read_text()
    check_discreet(said.stdout + said.stderr)
    for path in [*Path(grid.reports).rglob("*"), *Path(grid.results).rglob("*")]:
        if path.is_file():
            check_discreet(path.read_text(encoding="utf-8", errors="replace"))
    dump = subprocess.run([server.programs / "pg_dump", server.uri], capture_output=True, text=True, check=True).stdout
    assert dump.count("gmp") > 10
    check_discreet(dump)


def test_what_sql_reads_and_writes_is_what_mlflow_reads_and_writes(server: Server, tmp_path: Path) -> None:
    from mlflow.entities import Metric

    points = [Metric("a/b", 2.0, 5, 1), Metric("a/b", 1.0, 6, 2), Metric("a/b", 2.0, 5, 1)]
    with tracking._store(server.uri) as client:
        experiment = client.create_experiment("by hand", artifact_location=tmp_path.as_uri())
        by_sql, by_mlflow = [client.create_run(experiment, tags={"key": "k"}).info.run_id for _ in range(2)]
        tracking.rows.log_points(client, server.uri, by_sql, points)
        client.log_batch(by_mlflow, metrics=points)
        histories = [client.get_metric_history(one, "a/b") for one in (by_sql, by_mlflow)]
        ours, theirs = [sorted((p.step, p.timestamp, p.value) for p in history) for history in histories]
        assert ours == theirs == [(1, 5, 2.0), (2, 6, 1.0)]
        assert [client.get_run(one).data.metrics for one in (by_sql, by_mlflow)] == [{"a/b": 1.0}] * 2
        found = tracking.rows.logged(server.uri, ["by hand"])
        assert {(run.run, run.finished, run.key) for run in found} == {(by_sql, False, "k"), (by_mlflow, False, "k")}
        client.delete_experiment(experiment)


def small(folder: Path, uri: str, **changes: Any) -> tuple[Grid, Plan]:
    plan, records = factories.plan(SMALL, dataset="fashion_mnist", **changes)
    grid = factories.grid(folder, datasets=("fashion_mnist",), tracking_uri=uri)
    for record in records:
        factories.write(record, Path(grid.results))
    return grid, plan


@contextmanager
def mlflow_server(server: Server, folder: Path) -> Iterator[str]:
    """`mlflow server` as docs/tracking.md starts it, its address."""
    port = postgres.free_port()
    words = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    own = {"MLFLOW_BACKEND_STORE_URI": server.uri, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [*words, "--artifacts-destination", str(folder / "artifacts")],
            env=os.environ | own | {"MLFLOW_DISABLE_TELEMETRY": "true"},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            wait_for(lambda: answer(f"http://127.0.0.1:{port}/health") == "OK")
            yield f"http://127.0.0.1:{port}"
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(30)
    check_discreet((folder / "log").read_text())


def answer(address: str, question: object = None) -> str:
    data = None if question is None else json.dumps(question).encode()
    asked = urllib.request.Request(address, data, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(asked, timeout=20) as found:
            return str(found.read().decode())
    except urllib.error.URLError as error:
        return f"no answer ({error})"


def test_the_server_shows_the_store_and_takes_records(server: Server, config: Path, tmp_path: Path) -> None:
    expected = {f"reprune/{dataset}" for dataset in load(config).datasets}
    with mlflow_server(server, tmp_path) as address:
        assert "<title>MLflow</title>" in answer(address)
        experiments = json.loads(answer(f"{address}/api/2.0/mlflow/experiments/search", {"max_results": 50}))
        ids = {each["name"]: each["experiment_id"] for each in experiments["experiments"]}
        assert expected <= set(ids)
        asked = {"experiment_ids": [ids["reprune/cifar10"]], "filter": "tags.method = 'gmp'", "max_results": 500}
        found = json.loads(answer(f"{address}/api/2.0/mlflow/runs/search", asked))["runs"]
        assert {run["info"]["status"] for run in found} == {"FINISHED"}
        assert len(found) == 22, "eleven sparsities, two seeds"

        grid, plan = small(tmp_path, address)
        collected = tracking.collect(grid, plan)
        assert (collected.logged, collected.unchanged) == (4, 0)
        assert report.measured(grid, plan).source == "Values from MLflow, equal to the records."
        with tracking._store(address) as client:
            one, *_ = tracking.rows.runs(["reprune/fashion_mnist"])
            assert one.info.artifact_uri.startswith("mlflow-artifacts:/")
            assert [item.path for item in client.list_artifacts(one.info.run_id)] == ["curves.svg", "record.json"]
    assert len(list((tmp_path / "artifacts").rglob("record.json"))) == 4


def test_a_machine_without_the_folder_of_the_artifacts_is_told(server: Server, tmp_path: Path) -> None:
    with tracking._store(server.uri) as client:
        client.create_experiment("reprune/digits", artifact_location="file:///only/elsewhere")
    plan, _ = factories.plan(SMALL, dataset="digits")
    grid = factories.grid(tmp_path, datasets=("digits",), tracking_uri=server.uri)
    with pytest.raises(tracking.StoreError, match=r"artifacts in file:///only/elsewhere, which is not on this machine"):
        tracking.collect(grid, plan)
    assert not Path("/only").exists()


def test_a_server_that_goes_away_in_the_middle(server: Server, tmp_path: Path, capsys: Any, monkeypatch: Any) -> None:
    plan, records = factories.plan(SMALL, dataset="cifar100")
    grid = factories.grid(tmp_path, datasets=("cifar100",), tracking_uri=server.uri)
    for record in records:
        factories.write(record, Path(grid.results))
    log, done = tracking.entry.log, []

    def stopping(*arguments: Any) -> None:
        if len(done) == 2:
            server.stop()
        log(*arguments)
        done.append(arguments)

    with monkeypatch.context() as patched:
        patched.setattr(tracking.entry, "log", stopping)
        began = time.monotonic()
        found = report.measured(grid, plan)
    assert time.monotonic() - began < 30
    assert found.source.startswith("Values straight from the records: the tracking store was out of reach")
    assert found.table["accuracy"].tolist() == [92.0, 92.5, 91.0, 90.1]
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("WARNING: the tracking store postgresql://reprune:***@127.0.0.1")
    assert "; start it, or name another one by tracking_uri=ADDRESS or in REPRUNE_TRACKING_URI. The tables" in line
    check_discreet(line)
    server.start()
    assert report.measured(grid, plan).source == "Values from MLflow, equal to the records."
    keys = sorted(run.key for run in tracking.rows.logged(server.uri, ["reprune/cifar100"]))
    assert keys == sorted(slot.key for slot in measurements.slots(plan))


def test_the_password_may_stand_in_the_file_of_passwords(server: Server, tmp_path: Path, monkeypatch: Any) -> None:
    bare = server.uri.replace(f":{ESCAPED}", "")
    with pytest.raises(
        tracking.StoreError, match=r"no password supplied\); see to user and password, in ~/.pgpass say"
    ):
        tracking.collect(*small(tmp_path, bare))
    passwords = tmp_path / "pgpass"
    secret = PASSWORD.replace(":", "\\:")
    passwords.write_text(f"127.0.0.1:{server.port}:mlflow:{postgres.USER}:{secret}\n", encoding="utf-8")
    passwords.chmod(0o600)
    monkeypatch.setenv("PGPASSFILE", str(passwords))
    assert tracking.database.reach(bare) is None


def test_a_wrong_password_is_one_sentence(server: Server, tmp_path: Path) -> None:
    grid, plan = small(tmp_path, server.uri.replace(ESCAPED, f"{ESCAPED}x"))
    with pytest.raises(tracking.StoreError, match=r"authentication failed.*; see to user and password") as error:
        tracking.collect(grid, plan)
    check_discreet(str(error.value))

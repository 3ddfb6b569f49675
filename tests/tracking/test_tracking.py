"""One collect step, repeated, interrupted, broken, and out of reach."""

from __future__ import annotations

import fcntl
import math
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from mlflow.entities import Metric

from bench import tracking
from bench.errors import UserError
from bench.plan.grid import Grid, Plan
from bench.results import measurements
from bench.results.record import Cost, Record
from bench.tracking.store import single_writer
from tests import factories

ACCURACIES: factories.Accuracies = {("dense", None): [92.0, 92.5], ("gmp", 0.9): [91.0, 90.1]}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder with one database: making a database takes seconds."""
    return tmp_path_factory.mktemp("store")


@pytest.fixture
def fresh(store: Path) -> Iterator[Grid]:
    """A grid on the shared database, with all that was logged and recorded before removed."""
    grid = factories.grid(store)
    yield grid
    with tracking._store(tracking.store_uri(grid)) as client:
        for run in tracking.rows.runs(tracking._experiments(grid)):
            client.delete_run(run.info.run_id)
    for path in (store / "results" / "runs").glob("*/record.json"):
        path.unlink()


def written(grid: Grid, accuracies: factories.Accuracies = ACCURACIES) -> tuple[Plan, list[Record]]:
    plan, records = factories.plan(accuracies)
    for record in records:
        factories.write(record, Path(grid.results))
    return plan, records


def recorded(grid: Grid, plan: Plan) -> pd.DataFrame:
    return measurements.from_records(plan, *measurements.read_records(plan, Path(grid.results)))


def runs(grid: Grid) -> list[Any]:
    with tracking._store(tracking.store_uri(grid)):
        return tracking.rows.runs(tracking._experiments(grid))


def test_what_comes_out_equals_the_records(fresh: Grid) -> None:
    plan, _ = written(fresh)
    collected = tracking.collect(fresh, plan)
    assert (collected.logged, collected.unchanged, collected.problems) == (4, 0, {})
    table = tracking.read(fresh, plan)
    pd.testing.assert_frame_equal(table, recorded(fresh, plan), check_exact=True)
    tracking.check(table, recorded(fresh, plan))


def test_collecting_twice_changes_nothing(fresh: Grid) -> None:
    plan, _ = written(fresh)
    tracking.collect(fresh, plan)
    before = {run.info.run_id for run in runs(fresh)}
    again = tracking.collect(fresh, plan)
    assert (again.logged, again.unchanged) == (0, 4)
    assert {run.info.run_id for run in runs(fresh)} == before


def test_a_changed_record_replaces_its_run_only(fresh: Grid) -> None:
    plan, records = written(fresh)
    tracking.collect(fresh, plan)
    better = records[2].model_copy(update={"results": [factories.result(0.9, 91.5)]})
    factories.write(better, Path(fresh.results))
    again = tracking.collect(fresh, plan)
    assert (again.logged, again.unchanged) == (1, 3)
    assert len(runs(fresh)) == 4
    assert tracking.read(fresh, plan)["accuracy"].tolist() == [92.0, 92.5, 91.5, 90.1]


def test_a_column_that_came_since_is_added_to_the_runs_that_are_there(
    fresh: Grid, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, _ = written(fresh)
    with monkeypatch.context() as older:
        older.setattr(measurements, "METRICS", ("accuracy",))
        tracking.collect(fresh, plan)
    before = {run.info.run_id: run.data.metrics for run in runs(fresh)}
    assert all("loss" not in metrics for metrics in before.values())
    after = tracking.collect(fresh, plan)
    assert (after.logged, after.unchanged) == (0, 4)
    assert {run.info.run_id for run in runs(fresh)} == set(before)
    table = tracking.read(fresh, plan, after.problems)
    tracking.check(table, measurements.from_records(plan, after.records, after.problems))


def test_a_run_cut_short_is_logged_again(fresh: Grid) -> None:
    plan, _ = written(fresh)
    tracking.collect(fresh, plan)
    with tracking._store(tracking.store_uri(fresh)) as client:
        client.set_terminated(runs(fresh)[0].info.run_id, "RUNNING")  # what a killed collector leaves
    assert tracking.collect(fresh, plan).logged == 1
    assert len(runs(fresh)) == 4


def test_curves_have_steps_and_tags_name_the_cell(fresh: Grid) -> None:
    plan, _ = written(fresh)
    tracking.collect(fresh, plan)
    one = next(run for run in runs(fresh) if run.data.tags["method"] == "gmp")
    with tracking._store(tracking.store_uri(fresh)) as client:
        curve = client.get_metric_history(one.info.run_id, "train/train_loss")
        artifacts = [item.path for item in client.list_artifacts(one.info.run_id)]
    assert sorted((point.step, point.value) for point in curve) == [(50, 1.0), (100, 0.5)]
    assert artifacts == ["curves.svg", "record.json"]
    assert one.data.tags["dataset"] == "cifar10"
    assert one.data.tags["provenance.git.commit"] == "0123456789abcdef"
    assert one.data.params["recipe.train.epochs"] == "10.0"
    assert one.info.artifact_uri.startswith((Path(fresh.results) / "mlartifacts").as_uri())


def test_what_is_read_and_written_by_sql_is_what_mlflow_itself_reads_and_writes(fresh: Grid) -> None:
    plan, _ = written(fresh)
    tracking.collect(fresh, plan)
    rows, uri, names = tracking.rows, tracking.store_uri(fresh), tracking._experiments(fresh)
    with tracking._store(uri) as client:
        theirs = {run.info.run_id: run for run in rows.runs(names)}
        for ours in rows.logged(uri, names):
            run = theirs.pop(ours.run)
            assert ours.finished
            assert ours.tags == {name: run.data.tags[name] for name in rows.TAGS if name in run.data.tags}
            assert ours.metrics == {name: value for name, value in run.data.metrics.items() if "/" not in name}
            assert run.data.metrics["train/train_loss"] == 0.5
        assert theirs == {}
        points = [Metric("a/b", 2.0, 5, 1), Metric("a/b", 1.0, 6, 2), Metric("a/b", 2.0, 5, 1)]
        by_sql, by_mlflow = [client.create_run(run.info.experiment_id).info.run_id for _ in range(2)]
        rows.log_points(client, uri, by_sql, points)
        client.log_batch(by_mlflow, metrics=points)
        histories = [client.get_metric_history(one, "a/b") for one in (by_sql, by_mlflow)]
        ours, theirs = [sorted((p.step, p.timestamp, p.value) for p in history) for history in histories]
        assert ours == theirs == [(1, 5, 2.0), (2, 6, 1.0)]
        assert [client.get_run(one).data.metrics for one in (by_sql, by_mlflow)] == [{"a/b": 1.0}] * 2


def test_failures_are_logged_with_their_reason(fresh: Grid) -> None:
    plan, records = factories.plan({("gmp", 0.9): [91.0, 90.0]})
    failed = {"outcome": "error", "reason": "ValueError: no", "results": [], "cost": Cost(seconds=3)}
    factories.write(records[0].model_copy(update=failed), Path(fresh.results))
    factories.write(
        records[1].model_copy(update={"outcome": "diverged", "reason": "NaN", "results": []}), Path(fresh.results)
    )
    tracking.collect(fresh, plan)
    table = tracking.read(fresh, plan)
    assert table["outcome"].tolist() == ["error", "diverged"]
    assert table["reason"].tolist() == ["ValueError: no", "NaN"]
    assert math.isnan(table["accuracy"][0])
    assert {run.info.status for run in runs(fresh)} == {"FAILED", "FINISHED"}


def test_infinite_losses_do_not_become_numbers(fresh: Grid) -> None:
    plan, (record,) = factories.plan({("gmp", 0.9): [91.0]})
    wild = record.model_copy(update={"results": [factories.result(0.9, 10.0, loss=math.inf)]})
    factories.write(wild, Path(fresh.results))
    tracking.collect(fresh, plan)
    assert math.isnan(tracking.read(fresh, plan)["loss"][0])
    tracking.check(tracking.read(fresh, plan), recorded(fresh, plan))


def test_broken_records_are_named_and_do_not_stop_the_others(fresh: Grid) -> None:
    plan, records = written(fresh)
    path = Path(fresh.results) / "runs" / records[0].id / "record.json"
    path.write_text("{")
    collected = tracking.collect(fresh, plan)
    assert collected.logged == 3
    (problem,) = collected.problems.values()
    assert str(path) in problem
    assert "\n" not in problem
    assert problem in collected.describe()
    table = tracking.read(fresh, plan, collected.problems)
    assert table["outcome"].tolist() == ["broken", "ok", "ok", "ok"]


def test_only_what_the_plan_expects_is_read(fresh: Grid) -> None:
    plan, _ = written(fresh)
    tracking.collect(fresh, plan)
    smaller = Plan(plan.runs[:2], plan.cells[:1])
    assert len(tracking.read(fresh, smaller)) == 2


def test_missing_runs_are_missing(fresh: Grid) -> None:
    plan, _ = factories.plan({("gmp", 0.9): [91.0]})
    assert tracking.collect(fresh, plan).logged == 0
    assert tracking.read(fresh, plan)["outcome"].tolist() == ["missing"]


def test_the_check_notices_a_changed_store(fresh: Grid) -> None:
    plan, _ = written(fresh)
    tracking.collect(fresh, plan)
    with tracking._store(tracking.store_uri(fresh)) as client:
        run = next(run for run in runs(fresh) if run.data.tags["method"] == "gmp")
        client.log_metric(run.info.run_id, "accuracy", 99.9)
    with pytest.raises(UserError, match=r"differs from the records in 1 values.*accuracy 99\.9 \(record: 9"):
        tracking.check(tracking.read(fresh, plan), recorded(fresh, plan))


def test_more_parameters_than_one_call_takes(fresh: Grid) -> None:
    plan, (record,) = factories.plan({("gmp", 0.9): [91.0]})
    many = {f"package{index}": "1.0" for index in range(250)} | {"long": "x" * 10_000, "odd name é": "1"}
    factories.write(record.model_copy(update={"provenance": many, "hyperparameters": many}), Path(fresh.results))
    tracking.collect(fresh, plan)
    (one,) = runs(fresh)
    assert one.data.tags["provenance.package249"] == "1.0"
    assert len(one.data.params["method.long"]) == measurements.LONGEST_TEXT


def test_an_unusable_store_is_one_sentence(tmp_path: Path) -> None:
    plan, _ = factories.plan({("gmp", 0.9): [91.0]})
    (tmp_path / "file").write_text("")
    grid = factories.grid(tmp_path, tracking_uri=f"sqlite:///{tmp_path}/file/mlflow.db")
    with pytest.raises(tracking.StoreError, match=r"tracking store sqlite:.* cannot be used") as error:
        tracking.collect(grid, plan)
    assert "\n" not in str(error.value)


def test_a_store_from_another_folder_is_refused(fresh: Grid, tmp_path: Path) -> None:
    plan, _ = written(fresh)
    tracking.collect(fresh, plan)
    moved = factories.grid(tmp_path, tracking_uri=tracking.store_uri(fresh))
    with pytest.raises(tracking.StoreError, match="came from another folder; delete it"):
        tracking.collect(moved, plan)


def test_collectors_wait_for_each_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    entered = threading.Event()

    def second() -> None:
        with single_writer(tmp_path, f"sqlite:///{tmp_path}/mlflow.db"):
            entered.set()

    thread = threading.Thread(target=second)
    with (tmp_path / "mlflow.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        thread.start()
        assert not entered.wait(0.2)
    thread.join(10)
    assert entered.is_set()
    assert "waiting for it" in capsys.readouterr().out

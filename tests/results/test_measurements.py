"""Records become lines of a frame, and what is missing or broken says so."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from bench.plan.grid import Cell, Plan
from bench.results import measurements
from bench.results.record import Cost
from tests import factories


def test_key_tells_points_apart() -> None:
    assert measurements.key("run", 0.9) == "run@0.9"
    assert measurements.key("run", 0.999) != measurements.key("run", 0.9999)
    assert measurements.key("run", None) == "run@dense"


def test_frame_of_records(tmp_path: Path) -> None:
    plan, records = factories.plan({("dense", None): [92.0, 92.5], ("gmp", 0.9): [91.0, 90.0]})
    for record in records:
        factories.write(record, tmp_path)
    table = measurements.from_records(plan, *measurements.read_records(plan, tmp_path))
    assert table["accuracy"].tolist() == [92.0, 92.5, 91.0, 90.0]
    assert table["seed"].tolist() == [0, 1, 0, 1]
    assert math.isnan(table["point"][0])
    assert table["point"][2] == 0.9
    assert table["macs"][2] == pytest.approx(1000)  # 10,000 MACs at a density of 0.1
    assert set(table["outcome"]) == {"ok"}


def test_every_slot_has_a_line_even_without_a_record(tmp_path: Path) -> None:
    plan, records = factories.plan({("gmp", 0.9): [91.0, 90.0, 89.0]})
    factories.write(records[0], tmp_path)
    path = factories.write(records[1], tmp_path)
    path.write_text('{"id": "half a rec')
    table = measurements.from_records(plan, *measurements.read_records(plan, tmp_path))
    assert table["outcome"].tolist() == ["ok", "broken", "missing"]
    assert "record.json: not a record" in table["reason"][1]
    assert "no record" in table["reason"][2]


def test_a_record_of_another_run_is_a_problem(tmp_path: Path) -> None:
    plan, records = factories.plan({("gmp", 0.9): [91.0, 90.0]})
    path = tmp_path / "runs" / records[0].id / "record.json"
    factories.write(records[1], tmp_path)
    path.parent.mkdir(parents=True)
    path.write_bytes((tmp_path / "runs" / records[1].id / "record.json").read_bytes())
    _, problems = measurements.read_records(plan, tmp_path)
    assert list(problems) == [records[0].id]
    assert "a record of another run" in problems[records[0].id]


def test_a_failed_run_keeps_its_cost_and_reason(tmp_path: Path) -> None:
    plan, (record,) = factories.plan({("gmp", 0.9): [91.0]})
    failed = record.model_copy(
        update={"outcome": "diverged", "reason": "loss is NaN", "results": [], "cost": Cost(seconds=7)}
    )
    factories.write(failed, tmp_path)
    table = measurements.from_records(plan, *measurements.read_records(plan, tmp_path))
    assert (table["outcome"][0], table["reason"][0], table["seconds"][0]) == ("diverged", "loss is NaN", 7)
    assert math.isnan(table["accuracy"][0])


def test_one_run_with_results_at_several_points(tmp_path: Path) -> None:
    run = factories.spec("gmp", points=(0.8, 0.9))
    cells = [Cell("cifar10", "resnet20_cifar", "gmp", point, ((0, run.id),)) for point in (0.8, 0.9)]
    record = factories.record(run, results=[factories.result(0.8, 93.0), factories.result(0.9, 91.0)])
    factories.write(record, tmp_path)
    plan = Plan([run], cells)
    table = measurements.from_records(plan, *measurements.read_records(plan, tmp_path))
    assert table["accuracy"].tolist() == [93.0, 91.0]


def test_infinite_and_absent_numbers_are_left_out() -> None:
    values = {"a": 1, "b": None, "c": math.inf, "d": math.nan, "e": 0.0}
    assert measurements.finite(values) == {"a": 1.0, "e": 0.0}

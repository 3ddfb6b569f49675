"""Cells from runs: means, drops, marks, and reasons."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from bench.plan.grid import Cell, Plan
from bench.report import summary
from bench.results import measurements
from bench.results.record import Cost, Record
from tests import factories


def cells(folder: Path, plan: Plan, records: list[Record]) -> pd.DataFrame:
    for record in records:
        factories.write(record, folder)
    found = summary.cells(plan, measurements.from_records(plan, *measurements.read_records(plan, folder)))
    return summary.frame(found)


def of(folder: Path, accuracies: factories.Accuracies, **changes: Any) -> pd.DataFrame:
    return cells(folder, *factories.plan(accuracies, **changes))


def test_a_cell_by_hand(tmp_path: Path) -> None:
    table = of(tmp_path, {("dense", None): [93.0, 95.0], ("gmp", 0.9): [90.0, 92.0, 94.0]})
    gmp = table.iloc[1]
    assert (gmp["n"], gmp["expected"], gmp["mean"], gmp["std"]) == (3, 3, 92.0, 2.0)
    assert gmp["drop"] == pytest.approx(2.0)
    assert gmp["high"] - gmp["mean"] == pytest.approx(4.3027 * 2 / math.sqrt(3), abs=1e-3)
    assert gmp["macs_kept"] == pytest.approx(0.1)
    assert gmp["parameters_kept"] == pytest.approx(200 / 1100)
    assert gmp["epochs_relative"] == 1
    assert (gmp["prunable"], gmp["recipe"], gmp["budget"]) == ("all", "short", 1)


def test_training_cost_is_relative_to_dense(tmp_path: Path) -> None:
    plan, records = factories.plan({("dense", None): [93.0], ("magnitude", 0.9): [92.0]})
    records[1] = records[1].model_copy(update={"cost": Cost(epochs=14, own_epochs=4)})
    assert cells(tmp_path, plan, records)["epochs_relative"].tolist() == pytest.approx([1.0, 1.4])


def test_best_and_what_cannot_be_told_from_it(tmp_path: Path) -> None:
    table = of(
        tmp_path,
        {
            ("gmp", 0.9): [92.0, 92.1, 92.2],
            ("rigl", 0.9): [91.9, 92.1, 92.0],  # 0.1 ± 0.23 below
            ("snip", 0.9): [90.0, 90.1, 90.2],
            ("gmp", 0.95): [80.0, 80.1, 80.2],
            ("snip", 0.95): [85.0, 85.1, 85.2],
        },
    )
    assert table["best"].tolist() == [True, False, False, False, True]
    assert table["standing"].tolist() == ["", "within", "worse", "worse", ""]
    assert table["seeds_to_tell"].isna().all()


@pytest.mark.parametrize("few", [[99.0], [99.0, 99.1]])
def test_no_marks_when_the_highest_has_few_seeds(tmp_path: Path, few: list[float]) -> None:
    table = of(tmp_path, {("gmp", 0.9): few, ("rigl", 0.9): [91.0, 91.1, 91.2], ("snip", 0.9): [90.0, 90.1, 90.2]})
    assert not table["best"].any()
    assert not table["standing"].any()


def test_a_lower_cell_with_few_seeds_is_open(tmp_path: Path) -> None:
    table = of(tmp_path, {("gmp", 0.9): [92.0, 92.1, 92.2], ("rigl", 0.9): [92.0, 92.1], ("snip", 0.9): [90.0] * 3})
    assert table["best"].tolist() == [True, False, False]
    assert table["standing"].tolist() == ["", "open", "worse"]
    assert table["seeds_to_tell"].tolist()[1] == 3


def test_a_column_of_one_has_no_best(tmp_path: Path) -> None:
    assert not of(tmp_path, {("gmp", 0.9): [92.0, 92.1, 92.2]})["best"].any()


def test_nothing_is_ranked_across_prunable_sets(tmp_path: Path) -> None:
    everything, records = factories.plan({("gmp", 0.9): [92.0, 92.1, 92.2]})
    convolutions, others = factories.plan({("rigl", 0.9): [90.0, 90.1, 90.2]}, prunable="conv")
    plan = Plan(everything.runs + convolutions.runs, everything.cells + convolutions.cells)
    assert not cells(tmp_path, plan, records + others)["best"].any()


def test_failures_name_outcome_reason_and_seeds(tmp_path: Path) -> None:
    plan, records = factories.plan({("gmp", 0.9): [91.0, 90.0, 89.0, 88.0]})
    for index in (0, 2):
        update = {"outcome": "diverged", "reason": "the loss is NaN", "results": []}
        records[index] = records[index].model_copy(update=update)
    table = cells(tmp_path, plan, records[:3])
    assert table["failures"][0].splitlines() == [
        "diverged: the loss is NaN (seeds 0, 2)",
        "missing: no record: not run yet, still running, or killed (seed 3)",
    ]
    assert (table["n"][0], table["mean"][0]) == (1, 90.0)


def test_a_result_at_the_wrong_sparsity_does_not_count(tmp_path: Path) -> None:
    plan, records = factories.plan({("gmp", 0.9): [91.0, 10.0]})
    records[1] = records[1].model_copy(update={"outcome": "wrong_sparsity", "reason": "0.85 instead of 0.9"})
    assert cells(tmp_path, plan, records)["mean"][0] == 91.0


def test_skipped_cells_say_why() -> None:
    plan = Plan([], [Cell("cifar10", "vit", "filters", 0.9, (), "needs convolutions")])
    (found,) = summary.cells(plan, measurements.frame([]))
    assert list(map(str, found.failures)) == ["skipped: needs convolutions"]
    assert (found.n, found.instead) == (0, "skipped")


def test_no_cells() -> None:
    assert summary.cells(Plan([], []), measurements.frame([])) == []

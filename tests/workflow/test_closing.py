"""The end of a call: the table, where the reports lie, and whether anything went wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.plan.grid import Grid, Plan
from bench.workflow.final_rule import clear_errors, close, errors, main
from tests import factories


@pytest.fixture
def grid(tmp_path: Path) -> Grid:
    found = factories.grid(tmp_path)
    table = tmp_path / "reports" / "synthetic" / "table.txt"
    table.parent.mkdir(parents=True)
    table.write_text("method  90 %\nreports/synthetic: table.md\n")
    return found


@pytest.fixture
def plan(grid: Grid) -> Plan:
    found, made = factories.plan({("gmp", 0.9): [91.0, 90.0, 89.0]})
    made[1] = made[1].model_copy(update={"outcome": "error", "reason": "ValueError: no", "results": []})
    made[2] = made[2].model_copy(update={"outcome": "collapsed", "reason": "no path is left"})
    for one in made:
        factories.write(one, Path(grid.results))
    return found


def test_an_error_is_named_and_fails_the_call(grid: Grid, plan: Plan, capsys: pytest.CaptureFixture[str]) -> None:
    assert close(grid, plan, "configs/synthetic.yaml") == 1
    printed = capsys.readouterr().out
    assert "method  90 %\nreports/synthetic: table.md\n" in printed
    assert f"reprune ui --uri sqlite:///{grid.results}/mlflow.db\n" in printed
    assert "1 of 3 runs ended in an error:\n  cifar10 · resnet20_cifar · gmp · 90 % · seed 1: ValueError: no" in printed
    assert "`reprune retry configs/synthetic.yaml`" in printed


def test_clearing_deletes_the_records_of_errors_and_no_others(grid: Grid, plan: Plan) -> None:
    assert clear_errors(grid, plan) == ["cifar10 · resnet20_cifar · gmp · 90 % · seed 1"]
    left = {path.parent.name for path in Path(grid.results).glob("runs/*/record.json")}
    assert left == {plan.runs[0].id, plan.runs[2].id}
    assert errors(grid, plan) == {}
    assert clear_errors(grid, plan) == []


def test_a_collapsed_run_is_a_result_and_no_error(grid: Grid, plan: Plan) -> None:
    clear_errors(grid, plan)
    assert close(grid, plan, "configs/synthetic.yaml") == 0


def test_the_default_grid_has_published_counts_as_a_second_table(
    grid: Grid, plan: Plan, capsys: pytest.CaptureFixture[str]
) -> None:
    close(grid, plan, "configs/quick.yaml budget=0.5")
    first, title, second = capsys.readouterr().out.partition(
        "\npublished counts: arithmetic only, no accuracy was tested\n"
    )
    assert title and "method  90 %" in first
    assert "Evci et al. 2020, README, ResNet-50" in second
    assert second.index("rigl-resnet50-uniform-8-size") < second.index("1 of 3 runs ended in an error:")  # read last
    close(grid, plan, "configs/cifar10.yaml")
    assert "published counts" not in capsys.readouterr().out


def test_a_wrong_grid_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["configs/absent.yaml"]) == 2
    assert capsys.readouterr().err == "reprune: configs/absent.yaml: there is no such file.\n"

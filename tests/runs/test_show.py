"""What `show` prints of a record, and what it knows of the cell it belongs to."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import pytest
from rich.console import Console

from bench.commands.runs import same_cell, show
from bench.recipe import Phase
from bench.results.record import Curve
from tests import factories


def printed(found, published=()) -> str:
    console = Console(width=100, record=True, quiet=False, file=Path("/dev/null").open("w"))  # noqa: SIM115
    show.render(found, Path("results/runs/x/record.json"), published, console)
    return console.export_text()


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ([0, 1, 2, 3, 4, 5, 6, 7], "▁▂▃▄▅▆▇█"),
        ([5.0], "▁"),
        ([1, math.nan, 2], "▁ █"),
        ([0.0] * 32 + [1.0] * 32, "▁" * 16 + "█" * 16),
        ([], ""),
    ],
)
def test_a_curve_is_drawn_from_its_least_value_to_its_greatest(values, line):
    assert show.spark(values) == line


def test_numbers_layers_curves_and_the_command_are_shown():
    found = factories.record(factories.spec(), 91.234)
    text = printed(found)
    assert text.startswith("cifar10 · resnet20_cifar · gmp · 90 % · seed 0  ok\n")
    (row,) = (line.split("  ") for line in text.splitlines() if line.startswith("90 %"))
    numbers = ["90 %", "91.23 %", "0.3000", "90.00 %", "90.00 %", "18.18 %", "10.00 %"]
    assert [cell.strip() for cell in row if cell.strip()] == numbers
    # 100 of 1,000 weights are kept: 10 % of 12 columns, so a full one and, of the next, 2 of 8 rounded up.
    assert "fc.weight    1,000   10.00 % █▎" in text
    assert re.search(r"sparsity, % +50.00  ▁█ +90.00", text)
    assert found.spec.command in text


def test_diagnostics_are_shown_as_the_method_states_them():
    found = factories.record(factories.spec("force", 0.9))
    assert "Diagnostics" not in printed(found)
    (result,) = found.results
    told = printed(found.model_copy(update={"results": [with_diagnostics(result, sensitivity=-1234.6)]}))
    assert re.search(r"^Diagnostics\nNumber +90 % *\nSensitivity +−1,235 *\n", told, re.MULTILINE)
    sentence = "Sensitivity: the objective at initialisation, under the masks that were trained; higher is better."
    assert sentence in " ".join(told.split())


def test_diagnostics_of_a_method_that_is_gone_are_shown_by_their_names():
    found = factories.record(factories.spec("force", 0.9))
    spec = found.spec.model_copy(update={"method": "gone"})
    results = [with_diagnostics(found.results[0], turns=3.0, angle=0.25)]
    told = printed(found.model_copy(update={"spec": spec, "results": results}))
    assert re.search(r"^turns +3 *\nangle +0.25 *\n", told, re.MULTILINE)


def with_diagnostics(result, **values):
    return result.model_copy(update={"diagnostics": values})


def test_a_run_without_results_is_shown_with_its_reason():
    found = factories.record(factories.spec(), outcome="error", reason="ValueError: \x1b[2Jno", results=[], curves=[])
    text = printed(found)
    assert "error\nValueError: ?[2Jno" in text
    assert "Results" not in text and "Curves" not in text


def test_a_curve_that_was_cut_off_before_its_first_value_is_left_out():
    found = factories.record(factories.spec(), curves=[Curve(stage="train")])
    assert "Curves" not in printed(found)


def test_the_published_row_is_judged_over_the_seeds_that_lie_beside(tmp_path, monkeypatch):
    """DPF at 90 % on ResNet-20: the paper's row; ours are of three seeds, one of which diverged."""
    monkeypatch.chdir(Path(__file__).parents[2])
    phase = Phase(epochs=10, lr=0.1, schedule="multistep", milestones=(5, 8))
    recipe = factories.RECIPE.model_copy(update={"train": phase})
    specs = [factories.spec("dpf", 0.9, seed, recipe=recipe) for seed in range(3)]
    records = [factories.record(each, 80.0 + each.seed) for each in specs]
    records[2].outcome = "diverged"
    other = factories.record(factories.spec("dpf", 0.9, 7), 10.0)  # of another recipe, and so not of this cell
    paths = [factories.write(each, tmp_path) for each in (*records, other)]
    rows = same_cell.published(records[0], paths[0])
    assert rows and rows[0]["paper"]
    assert {row["ours"] for row in rows if row["report"] == "last"} <= {80.5}
    assert all(row["ours_n"] == 2 for row in rows)
    assert rows[0]["verdict"] == "not comparable"  # the recipe is not the paper's
    assert rows[0]["paper"] in printed(records[0], rows)


def test_json_holds_the_record_and_where_it_is(tmp_path, capsys):
    path = factories.write(factories.record(factories.spec("snip", 0.5)), tmp_path)
    show.show(path.parent.name, tmp_path, as_json=True)
    values = json.loads(capsys.readouterr().out)
    assert values["path"] == str(path)
    assert values["record"]["results"][0]["accuracy"] == 91.0
    assert values["command"].startswith("reprune run --dataset cifar10")

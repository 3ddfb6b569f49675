"""What methods measure of themselves: from the literal in a method's file to tables, page, programs and MLflow."""

from __future__ import annotations

import json
from pathlib import Path
from typing import ClassVar

import pandas as pd
import pytest

from bench import catalog, report
from bench.base.reported import stated
from bench.commands.runs import show
from bench.errors import UserError
from bench.method import Method
from bench.report.cell import CellResult
from bench.report.diagnostics_block import blocks
from bench.results import measurements
from bench.tracking.entry import last_values
from tests import factories
from tests.vocabulary.test_catalog import folder

__all__ = ["folder"]

METHOD = """from bench.method import Method


class Mine(Method):
    def diagnostics(self, run):
        return {"turns": 3.0, "angle": 0.25}
"""
REPORTS = """    reports = {
        "angle": {"title": "Angle", "unit": "rad", "better": "lower", "meaning": "between two <gradients>"},
    }
"""


def cell(method: str, point: float | None, mean: float, **diagnostics: float) -> CellResult:
    return factories.result_of(method, point, mean, **diagnostics)


def rows(*results: CellResult) -> dict[str, dict[str, str]]:
    (block,) = blocks(results)
    texts = [[text.text for text in row] for row in block.rows]
    return {f"{row[0]} {row[1]}": dict(zip(block.head[2:], row[2:], strict=True)) for row in texts}


def test_what_a_dropped_in_method_reports_is_in_every_output(folder: Path, tmp_path: Path) -> None:
    (folder / "mine.py").write_text(METHOD + REPORTS)
    plan, made = factories.plan({("dense", None): [93.0, 93.0], ("mine", 0.9): [91.0, 92.0]})
    sources = {}
    for record in made:
        angle = {"turns": 3.0, "angle": 0.25 + 0.5 * record.spec.seed} if record.spec.method == "mine" else {}
        results = [one.model_copy(update={"diagnostics": angle}) for one in record.results]
        record = record.model_copy(update={"results": results})
        path = factories.write(record, tmp_path / "results")
        sources[record.id] = measurements.Source(record, "0" * 64, path)
    measured = report.Measured(measurements.from_records(plan, sources, {}), sources, "From records.")
    grid = factories.grid(tmp_path, methods=("mine",))
    report.write(grid, plan, measured, tmp_path / "report")
    table, page, tex = ((tmp_path / "report" / name).read_text() for name in ("table.md", "report.html", "table.tex"))
    assert r"| mine     |     90 % | 91.50 ± 0.71 (2) | 0.5 rad |" in table  # the mean of 0.25 and 0.75
    assert r"* Angle: between two \<gradients>; lower is better." in table
    assert "<td>0.5 rad</td>" in page and "Angle: between two &lt;gradients&gt;; lower is better." in page
    assert "(rad)" in tex and r"Angle: between two \textless{}gradients\textgreater{}; lower is better." in tex
    line = pd.read_csv(tmp_path / "report" / "table.csv").set_index("method").loc["mine"]
    assert (line["diagnostics.angle"], line["diagnostics.turns"]) == (0.5, 3.0)
    last = sources[plan.runs[-1].id]
    told = json.loads(json.dumps(show.values(last.record, last.path)))
    assert told["record"]["results"][0]["diagnostics"] == {"turns": 3.0, "angle": 0.75}
    logged = last_values(measurements.slots(plan)[-1], last)
    assert (logged["diagnostics.angle"], logged["diagnostics.turns"], logged["accuracy"]) == (0.75, 3.0, 92.0)


def test_a_method_that_states_nothing_has_all_its_numbers_shown(folder: Path) -> None:
    (folder / "silent.py").write_text(METHOD)
    found = rows(cell("silent", 0.9, 91.0, turns=123456.0, angle=-0.123456))
    assert found == {"silent 90 %": {"Accuracy": "91.00 (1)", "turns": "123,456", "angle": "−0.1235"}}


def test_a_method_that_is_gone_has_its_numbers_shown() -> None:
    assert rows(cell("gone", 0.9, 91.0, turns=3.0))["gone 90 %"]["turns"] == "3"


def test_without_diagnostics_there_is_no_table() -> None:
    assert blocks([cell("gmp", 0.9, 91.0)]) == []


def test_levels_stand_beside_networks_of_their_own() -> None:
    sizes = {"mask_bytes": 120.0, "private_bytes": 400.0, "overhead_bytes": 520.0}
    elsa, gmp = "elsa[of='gmp[schedule.every=4]']", "gmp[schedule.every=4]"
    found = rows(
        cell("dense", None, 94.0),
        cell("dense[training=3x]", None, 94.5),
        cell(gmp, 0.9, 92.5),
        cell(gmp, 0.5, 93.5),
        cell("gmp[schedule.every=4,training=2x]", 0.5, 93.75),
        cell("gmp", 0.5, 99.0),  # with other hyper-parameters, so not what the levels are made by
        cell(elsa, 0.9, 92.5, **sizes),
        cell(elsa, 0.5, 93.25, **sizes),
        cell(elsa, 0.0, 93.0, **sizes),
    )
    against = ("− alone", "− alone (2x)", "− alone (3x)")
    assert [tuple(found[f"{elsa} {at}"][name] for name in against) for at in ("90 %", "50 %", "0 %")] == [
        ("+0.00", "", ""),
        ("−0.25", "−0.50", ""),
        ("−1.00", "", "−1.50"),
    ]
    assert found[f"{elsa} 50 %"]["Overhead"] == "520 B"


@pytest.mark.parametrize(
    ("name", "statement", "sentence"),
    [
        ("a_list", "['angle']", "Mine.reports has to map names to what they mean"),
        ("a_text", "{'angle': 'Angle'}", "Mine.reports, 'angle': expected fields with values"),
        ("a_slip", "{'angle': {'titel': 'Angle'}}", "Mine.reports, 'angle': .*title"),
        ("a_word", "{'angle': {'title': 'Angle', 'better': 'up'}}", "Mine.reports, 'angle': .*better"),
    ],
)
def test_a_wrong_statement_is_said_of_the_file(folder: Path, name: str, statement: str, sentence: str) -> None:
    (folder / f"{name}.py").write_text(METHOD + f"    reports = {statement}\n")
    with pytest.raises(UserError, match=f"^methods/{name}.py cannot be used: {sentence}"):
        catalog.create(name, {})


def test_a_child_has_what_its_parent_states() -> None:
    class Parent(Method):
        reports: ClassVar = {"a": {"title": "A"}, "b": {"title": "B", "better": "higher"}}

    class Child(Parent):
        reports: ClassVar = {"b": {"title": "Bee"}}

    assert {name: (one.title, one.note) for name, one in stated(Child).items()} == {"a": ("A", ""), "b": ("Bee", "")}
    assert stated(Parent)["b"].note == "B: higher is better."


def test_methods_that_state_the_same_share_a_table() -> None:
    results = [cell(method, 0.9, 91.0, sensitivity=2.5) for method in ("force", "grasp_it", "force[batches=2]")]
    (block,) = blocks([*results, cell("gmp", 0.9, 90.0)])
    assert block.title == "Diagnostics of force, grasp_it (means over seeds)"
    assert [[text.text for text in row] for row in block.rows][2] == ["force[batches=2]", "90 %", "91.00 (1)", "2.5"]

"""Methods that decide per input, in tables and plots: savings are outcomes, and points are no sparsities."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.report import plots, summary
from bench.report.per_input import decides, is_target
from bench.results import measurements
from tests import factories
from tests.report.test_sections import frame, report

SAVED = {
    "flops_paper": 3000.0,
    "flops_strict": 4000.0,
    "reduction_paper": 70.0,
    "reduction_strict": 60.0,
    "reduction_paper_estimated": 68.5,
    "reduction_strict_estimated": 57.25,
    "predictors": 0.5,
    "filters_kept": 55.0,
    "layers_empty": 0.0,
}


def records(*methods: str):
    """Dense, GMP at 90 %, and gating at r = 0.9, of networks with 10,000 multiply-adds."""
    accuracies = {("dense", None): [93.0, 93.1, 93.2], ("gmp", 0.9): [91.0, 91.1, 91.2]}
    accuracies |= {(method, 0.9): [92.0, 92.1, 92.2] for method in methods}
    plan, made = factories.plan(accuracies)
    for one in made:
        if one.spec.method == "ftwt":
            one.results[0] = factories.result(None, one.results[0].accuracy, diagnostics=SAVED)
            one.results[0].point = 0.9
    return plan, made


def test_which_methods_decide_per_input() -> None:
    assert [decides(text) for text in ("ftwt", "ftwt[pool=max]", "gmp", "no-longer-here")] == [True, True, False, False]
    assert [is_target(text) for text in ("ftwt", "str[decay=0.1]", "gmp", "no-longer-here")] == [
        False,
        False,
        True,
        True,
    ]


def test_their_multiply_adds_are_those_per_input(tmp_path: Path) -> None:
    plan, made = records("ftwt")
    for record in made:
        factories.write(record, tmp_path)
    found = summary.cells(plan, measurements.from_records(plan, *measurements.read_records(plan, tmp_path)))
    cells = summary.frame(found).set_index("method")
    assert cells.loc["ftwt", "macs_kept"] == pytest.approx(0.4)  # the exact count, not the paper's
    assert cells.loc["gmp", "macs_kept"] == pytest.approx(0.1)
    assert cells["effective_macs_kept"].isna().to_dict() == {"dense": False, "gmp": False, "ftwt": True}


def test_a_table_of_their_own_shows_accuracy_and_savings(tmp_path: Path) -> None:
    (section,) = report(tmp_path, *records("ftwt")).sections
    by_sparsity, per_input, remains, _ = section.blocks
    assert list(frame(by_sparsity).index) == ["dense", "gmp"], "r is no sparsity"
    assert frame(per_input).loc["ftwt"].to_dict() == {
        "Target": "0.9",
        "Accuracy": "92.10 ± 0.10 (3)",
        "MACs saved": "60 %",
        "Saved by the paper's count": "70 %",
        "MACs saved, estimated": "57.25 %",
        "By the paper's count, estimated": "68.5 %",
        "Predictors' MACs": "0.5 %",
        "Filters kept": "55 %",
        "Layers without filters": "0 %",
    }
    assert frame(remains).loc["ftwt", "Drop"] == "1.00"
    assert frame(remains).loc["ftwt", "MACs kept"] == "40.00 %"


def test_they_are_not_ranked_among_sparsities(tmp_path: Path) -> None:
    (section,) = report(tmp_path, *records("ftwt", "ftwt[pool=max]")).sections
    texts = [text for block in section.blocks for line in block.rows for text in line]
    assert not any(text.best or text.within or text.open for text in texts)


def test_without_them_there_is_no_such_table(tmp_path: Path) -> None:
    (section,) = report(tmp_path, *records()).sections
    assert [block.title.split()[0] for block in section.blocks] == ["Accuracy", "What", "What"]


def test_a_figure_over_sparsity_leaves_them_out(tmp_path: Path) -> None:
    plan, made = records("ftwt")
    grid = factories.grid(tmp_path)
    for record in made:
        factories.write(record, Path(grid.results))
    table = measurements.from_records(plan, *measurements.read_records(plan, Path(grid.results)))
    plots.draw(grid, summary.cells(plan, table), tmp_path)
    assert ">ftwt<" not in (tmp_path / "accuracy-sparsity-cifar10.svg").read_text()
    assert "ftwt" in (tmp_path / "accuracy-macs-cifar10.svg").read_text()

"""What a report says: every number, every empty cell, every warning."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from bench import recipe
from bench.plan.grid import Cell, Plan
from bench.published import Protocol, Published, Row, comparison
from bench.report import sections, summary
from bench.report.layout import Block, Report
from bench.results import measurements
from bench.results.record import Cost, Record
from tests import factories
from tests.published.test_verdict import ROW

PROTOCOLS = {"p": Protocol(recipe="cifar10", prunable="all", report="last", source="here", deviations=("a detail",))}


def report(folder: Path, plan: Plan, records: list[Record], *rows: Row, **changes: Any) -> Report:
    grid = factories.grid(folder, **changes)
    for record in records:
        factories.write(record, Path(grid.results))
    table = measurements.from_records(plan, *measurements.read_records(plan, Path(grid.results)))
    compared = comparison.compare(plan, table, Published(rows, PROTOCOLS))
    sources, _ = measurements.read_records(plan, Path(grid.results))
    return sections.report(grid, summary.cells(plan, table, compared, sources), "Values from the records.")


def frame(block: Block) -> pd.DataFrame:
    texts = [[f"{text.text}|{','.join(text.marks)}".rstrip("|") for text in row] for row in block.rows]
    return pd.DataFrame(texts, columns=list(block.head)).set_index(block.head[0])


ACCURACIES: factories.Accuracies = {
    ("dense", None): [93.0, 93.1, 93.2],
    ("gmp", 0.9): [91.0, 91.1, 91.2],
    ("gmp", 0.95): [90.0, 90.1, 90.2],
    ("snip", 0.9): [88.0, 88.1, 88.2],
    ("snip", 0.95): [80.0, 80.1, 80.2],
}


def test_accuracies_by_method_and_sparsity(tmp_path: Path) -> None:
    plan, records = factories.plan(ACCURACIES)
    (section,) = report(tmp_path, plan, records).sections
    table = frame(section.blocks[0])
    assert list(table.columns) == ["0 %", "90 %", "95 %"]
    assert list(table.index) == ["dense", "gmp", "snip"]
    assert table.loc["gmp", "90 %"] == "91.10 ± 0.10 (3)"
    assert table.loc["dense", "0 %"] == "93.10 ± 0.10 (3)"
    assert section.blocks[0].rows[1][2].best
    assert section.notes == ()


def test_what_is_left_and_what_it_cost(tmp_path: Path) -> None:
    plan, records = factories.plan(ACCURACIES)
    records = [
        record.model_copy(update={"cost": Cost(epochs=14, training_macs_relative=1.3, seconds=5, mask_updates=2)})
        if record.spec.method == "snip"
        else record
        for record in records
    ]
    (section,) = report(tmp_path, plan, records).sections
    left, cost = (frame(block) for block in section.blocks[1:])
    assert left.loc["gmp"].iloc[0].tolist()[2:] == [
        "90.85 to 91.35",  # 91.1 ± 4.3027·0.1/√3
        "2.00",  # 93.1 − 91.1
        "90.00 %",
        "90.00 %",
        "18.18 %",  # 200 of 1,100 parameters
        "10.00 %",
        "10.00 %",
    ]
    assert cost.loc["snip"].iloc[0].tolist() == ["90 %", "14", "1.40", "1.30", "2", "5.0"]
    assert section.notes == ("Not at equal training budget: snip (1.40 × the epochs of dense).",)


def test_every_empty_cell_says_why(tmp_path: Path) -> None:
    plan, records = factories.plan(ACCURACIES)
    failed = {"outcome": "diverged", "reason": "the loss is NaN", "results": []}
    records = [
        record.model_copy(update=failed) if (record.spec.method, record.spec.points) == ("snip", (0.9,)) else record
        for record in records
        if (record.spec.method, record.spec.points) != ("gmp", (0.95,)) or record.spec.seed == 0
    ]
    skipped = Cell("cifar10", "resnet20_cifar", "rigl", 0.9, (), "needs two dimensions")
    (section,) = report(tmp_path, Plan(plan.runs, [*plan.cells, skipped]), records).sections
    table = frame(section.blocks[0])
    assert table.loc["snip", "90 %"] == "diverged|2"
    assert table.loc["gmp", "95 %"] == "90.00 (1/3)|1"
    assert table.loc["rigl", "90 %"] == "skipped|3"
    assert section.notes[0].startswith("gmp at 95 %: missing: no record")
    assert section.notes[1] == "snip at 90 %: diverged: the loss is NaN (seeds 0, 1, 2)."
    assert section.notes[2] == "rigl at 90 %: skipped: needs two dimensions."


def test_warnings_of_records_are_printed(tmp_path: Path) -> None:
    plan, records = factories.plan({("dpf", 0.9): [91.0, 91.1], ("dpf", 0.95): [90.0], ("gmp", 0.9): [90.0]})
    warned = [record.model_copy(update={"warnings": ["only 4 mask updates"]}) for record in records]
    (section,) = report(tmp_path, plan, warned).sections
    assert section.notes == ("dpf at 90 % and 95 %: only 4 mask updates.", "gmp at 90 %: only 4 mask updates.")


def test_a_scaled_down_grid_says_so_loudly(tmp_path: Path) -> None:
    plan, records = factories.plan(ACCURACIES, budget=0.1)
    assert report(tmp_path, plan, records, budget=0.1).warning.startswith(
        "SCALED DOWN: every run had 0.1 of the length"
    )
    assert report(tmp_path, plan, records).warning == ""


def test_facts_state_the_protocol(tmp_path: Path) -> None:
    plan, records = factories.plan(ACCURACIES)
    facts = " ".join(report(tmp_path, plan, records).facts)
    for part in (
        "10,000 test images",
        "Recipe cifar10",
        "budget 1",
        "seeds 0, 1, 2",
        "prunable set: all",
        "the records",
    ):
        assert part in facts


def test_verdicts_stand_beside_accuracies_and_in_a_table_of_their_own(tmp_path: Path) -> None:
    plan, records = factories.plan(ACCURACIES, recipe=recipe.load("cifar10"), recipe_text="cifar10")
    rows = [
        ROW.model_copy(update={"n_seeds": 3, "value": 91.5}),
        ROW.model_copy(update={"id": "variant", "method": "gmp[allocation=global]"}),
    ]
    made = report(tmp_path, plan, records, *rows)
    assert frame(made.sections[0].blocks[0]).loc["gmp", "90 %"] == "91.10 ± 0.10 (3)|I"
    anchors, others = made.comparison
    (line,) = anchors.rows
    assert line[0].text == "gmp at 90 %, resnet20_cifar, cifar10"
    assert line[2].text == "91.50 (3), primary"
    assert line[7].text == "inconclusive"
    assert (line[8].text, line[9].text) == (
        "",
        "3 of our seeds where 5 are needed; no number of our seeds would decide",
    )
    assert others.rows[0][7].text == "not comparable"
    assert made.comparison_notes[0] == "Verdicts on the published numbers of cells: gmp 1 inconclusive."
    assert any("a detail" in note for note in made.comparison_notes)
    assert "verdict on the published number" in made.legend[1]


def test_open_places_are_marked_and_say_how_many_seeds_would_tell(tmp_path: Path) -> None:
    plan, records = factories.plan(
        {("gmp", 0.9): [92.0, 92.1, 92.2], ("rigl", 0.9): [91.9, 92.0, 91.8], ("snip", 0.9): [93.0, 91.0, 91.4]}
    )
    made = report(tmp_path, plan, records)
    texts = {row[0].text: row[-1] for row in made.sections[0].blocks[0].rows}
    assert [(texts[name].best, texts[name].within, texts[name].open) for name in ("gmp", "rigl", "snip")] == [
        (True, False, False),
        (False, True, False),
        (False, False, True),
    ]
    cells = summary.cells(
        plan, measurements.from_records(plan, {one.id: measurements.Source(one, "", tmp_path) for one in records}, {})
    )
    standing = cells[2].standing
    assert standing is not None
    note = f"Open, until about so many seeds if means and spreads stay as they are: snip at 90 % ({standing.seeds})."
    assert note in made.sections[0].notes
    assert "{within}: within the margin of it" in made.legend[0] and "{open}: open" in made.legend[0]


def test_long_lists_of_differences_are_cut_short(tmp_path: Path) -> None:
    other = recipe.load("cifar10[batch_size=64,data.flip=false,dropout=0.3,train.lr=0.2]")
    plan, records = factories.plan(ACCURACIES, recipe=other)
    (anchors,) = report(tmp_path, plan, records, ROW).comparison
    assert anchors.rows[0][9].text == "recipe: 4 fields differ (batch_size, data.flip, dropout, …)"


def test_methods_with_a_knob_of_their_own_are_not_put_under_sparsities(tmp_path: Path) -> None:
    plan, records = factories.plan({("gmp", 0.9): [91.0], ("dpf", 0.3): [92.0]})
    (section,) = report(tmp_path, plan, records, points={"dpf": (0.3,)}).sections
    assert list(frame(section.blocks[0]).index) == ["gmp"]
    assert list(frame(section.blocks[1]).index) == ["gmp", "dpf"]


def test_points_that_are_sparsities_of_the_table_or_dense_stand_in_it(tmp_path: Path) -> None:
    plan, records = factories.plan({("gmp", 0.9): [91.0], ("dpf", 0.9): [90.0], ("dpf", 0.0): [92.0]})
    (section,) = report(tmp_path, plan, records, points={"dpf": (0.9, 0.0)}).sections
    assert frame(section.blocks[0]).loc["dpf"].tolist() == ["92.00 (1)", "90.00 (1)"]


def test_a_dense_network_that_was_not_trained_is_no_unit_of_training(tmp_path: Path) -> None:
    plan, records = factories.plan({("dense", None): [93.0], ("gmp", 0.9): [91.0]})
    given = [
        record.model_copy(update={"cost": Cost()}) if record.spec.method == "dense" else record for record in records
    ]
    (section,) = report(tmp_path, plan, given).sections
    assert frame(section.blocks[-1])["Epochs × dense"].tolist() == ["", ""]


def test_nothing_run_yet(tmp_path: Path) -> None:
    plan, _ = factories.plan(ACCURACIES)
    made = report(tmp_path, plan, [])
    assert made.sections[0].facts == "No run has ended yet."
    assert frame(made.sections[0].blocks[0])["90 %"].tolist() == ["–", "missing|1", "missing|1"]
    assert made.sections[0].notes == ("missing: no record: not run yet, still running, or killed.",)
    assert made.comparison == ()


def test_a_section_per_architecture_and_data_set(tmp_path: Path) -> None:
    one, records = factories.plan(ACCURACIES)
    two, others = factories.plan(ACCURACIES, architecture="wrn22_2_cifar")
    made = report(tmp_path, Plan(one.runs + two.runs, one.cells + two.cells), records + others)
    assert [section.architecture for section in made.sections] == ["resnet20_cifar", "wrn22_2_cifar"]

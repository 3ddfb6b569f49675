"""Cells of a plan joined with published rows."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from bench import recipe
from bench.published import Protocol, Published, Row, comparison
from bench.published.comparison import Compared
from bench.report.published_block import published_blocks, published_notes
from bench.results import measurements
from tests import factories
from tests.published.test_verdict import PRINTED, ROW

RECIPE: dict[str, Any] = {"recipe": recipe.load("cifar10"), "recipe_text": "cifar10"}
PROTOCOLS = {
    "p": Protocol(recipe="cifar10", prunable="all", report="last", source="here"),
    "q": Protocol(recipe=None, reason="not known", prunable="all", report="last", source="there"),
}


def joined(folder: Path, accuracies: factories.Accuracies, *rows: Row, **changes: Any) -> list[Compared]:
    plan, records = factories.plan(accuracies, **(RECIPE | changes))
    for record in records:
        factories.write(record, folder)
    table = measurements.from_records(plan, *measurements.read_records(plan, folder))
    return comparison.compare(plan, table, Published(rows, PROTOCOLS))


def compare(folder: Path, accuracies: factories.Accuracies, *rows: Row, **changes: Any) -> Any:
    return comparison.frame(joined(folder, accuracies, *rows, **changes)).set_index("row")


GMP: factories.Accuracies = {
    ("dense", None): [93.0, 93.0, 93.0],
    ("gmp", 0.8): [92.0, 92.1, 91.9],
    ("gmp", 0.9): [91.0, 91.1, 90.9],
    ("gmp", 0.95): [90.0, 90.1, 89.9],
}


def test_a_reproduced_row(tmp_path: Path) -> None:
    row = ROW.model_copy(update={**PRINTED, "dense_value": 93.5})
    line = compare(tmp_path, GMP, row).loc["row"]
    assert line["verdict"] == "reproduced"
    assert line["ours"] == pytest.approx(91.0)
    assert line["ours_drop"] == pytest.approx(2.0)  # from our own dense network
    assert line["published_drop"] == pytest.approx(2.5)  # from the paper's own
    # its own three seeds, theirs as well: t(.95, 2) = 2.919986
    assert line["half_width"] == pytest.approx(2.919986 * 0.1 * math.sqrt(2 / 3) + 0.005, abs=1e-5)
    assert (line["kind"], line["printed"]) == ("re-trained", "inside")


def test_an_unverified_row_is_never_reproduced(tmp_path: Path) -> None:
    line = compare(tmp_path, GMP, ROW.model_copy(update={"verified": "unverified"})).loc["row"]
    assert line["verdict"] == "not comparable"
    assert line["reason"].startswith("unverified")
    assert line["ours"] == pytest.approx(91.0)
    assert math.isnan(line["difference"])  # nothing is said of how far apart they are


def test_a_scaled_run_is_never_compared(tmp_path: Path) -> None:
    line = compare(tmp_path, GMP, ROW, budget=0.1, recipe=recipe.load("cifar10").scaled(0.1)).loc["row"]
    assert (line["verdict"], line["reason"]) == ("not comparable", "budget: 0.1 of the recipe's length")


def test_best_epoch_rows_are_compared_with_our_best_epoch(tmp_path: Path) -> None:
    line = compare(tmp_path, GMP, ROW.model_copy(update={"report": "best", "n_seeds": 3})).loc["row"]
    assert line["ours"] == pytest.approx(91.2)  # the factory's best epoch is 0.2 above the last
    assert line["report"] == "best"
    assert line["ours_drop"] == pytest.approx(2.0)  # drops are always of last epochs


def test_rows_chosen_on_held_out_images_are_compared_with_ours_chosen_alike(tmp_path: Path) -> None:
    line = compare(tmp_path, GMP, ROW.model_copy(update={"report": "best_validation", "n_seeds": 3})).loc["row"]
    assert line["ours"] == pytest.approx(91.1)  # the factory's chosen epoch is 0.1 above the last


def test_one_anchor_per_cell_chosen_before_any_result(tmp_path: Path) -> None:
    rows = [
        ROW.model_copy(update={"id": "variant", "method": "gmp[allocation=global]"}),
        ROW.model_copy(update={"id": "a-unread", "verified": "unverified", "protocol": "q"}),
        ROW.model_copy(update={"id": "unknown-protocol", "protocol": "q"}),
        ROW.model_copy(update={"id": "comparable", "value": 50.0}),
    ]
    found = compare(tmp_path, GMP, *rows)
    assert found[found["anchor"]].index.tolist() == ["comparable"]
    without = compare(tmp_path, GMP, *rows[:3])
    assert without[without["anchor"]].index.tolist() == ["unknown-protocol"]
    assert not compare(tmp_path, GMP, rows[0])["anchor"].any()  # a variant is shown, but stands for no cell


def test_runs_that_failed_do_not_count(tmp_path: Path) -> None:
    plan, records = factories.plan(GMP, **RECIPE)
    for index, record in enumerate(records):
        failed = {"outcome": "wrong_sparsity", "reason": "0.8 instead of 0.9"} if index == 6 else {}
        factories.write(record.model_copy(update=failed), tmp_path)
    table = measurements.from_records(plan, *measurements.read_records(plan, tmp_path))
    (line,) = comparison.compare(plan, table, Published((ROW,), PROTOCOLS))
    assert line.ours.n == 2


def test_cells_whose_runs_have_not_all_ended_well_say_so(tmp_path: Path) -> None:
    plan, records = factories.plan({("gmp", 0.9): [91.0, 91.1, 90.9, 91.0]}, **RECIPE)
    row = ROW.model_copy(update=PRINTED)

    def compared(*outcomes: str) -> Compared:
        table = measurements.from_records(
            plan,
            {
                one.id: measurements.Source(one.model_copy(update={"outcome": outcome}), "", tmp_path)
                for one, outcome in zip(records, outcomes, strict=False)
            },
            {},
        )
        return comparison.compare(plan, table, Published((row,), PROTOCOLS))[0]

    three = compared("ok", "ok", "ok")
    assert (three.outcome, three.reason) == ("reproduced", "3 of 4 runs ended well")
    assert (compared().outcome, compared().reason) == ("not run", "no run of ours has ended")
    none = compared("diverged", "diverged")
    assert (none.outcome, none.reason) == ("inconclusive", "none of our runs ended well")


def test_a_number_that_agrees_with_other_rows_of_its_table_is_reproduced_in_level_only(tmp_path: Path) -> None:
    row = ROW.model_copy(update=PRINTED)

    def told(**changes: Any) -> tuple[str, str]:
        other = row.model_copy(
            update={"id": "other", "method": "", "method_printed": "Theirs", "value": 91.1} | changes
        )
        line = compare(tmp_path, GMP, row, other).loc["row"]
        return line["verdict"], line["reason"]

    level = ("reproduced (level only)", "as near to other")
    assert told() == level
    assert told(method="gmp", sparsity=0.8) == level
    for elsewhere in ({"value": 91.4}, {"table": "2"}, {"verified": "unverified"}, {"duplicate_of": "row"}):
        assert told(**elsewhere) == ("reproduced", "")
    assert told(architecture="", architecture_printed="VGG-16") == ("reproduced", "")
    assert told(dataset="cifar100") == ("reproduced", "")


def test_a_cell_is_judged_by_the_rule_under_which_its_runs_were_made(tmp_path: Path) -> None:
    plan, records = factories.plan(GMP, **RECIPE)
    sources = {one.id: measurements.Source(one, "", tmp_path) for one in records}
    table = measurements.from_records(plan, sources, {})
    published = Published((ROW.model_copy(update=PRINTED),), PROTOCOLS)
    runs = [run for cell in plan.cells if cell.point == 0.9 for _, run in cell.runs]

    def told(*made_at_looks: str) -> tuple[str, str]:
        (line,) = comparison.compare(plan, table, published, looks=made_at_looks)
        return line.outcome, line.reason

    fixed, elsewhere = told(), told(plan.runs[0].id)
    assert fixed == elsewhere == ("reproduced", "")
    assert told(*runs) == ("inconclusive", "3 of our seeds; the next look is at 5 seeds")
    mixed = "looks: some of our seeds were fixed beforehand, others were added at looks"
    assert told(*runs[:2]) == ("not comparable", mixed)


def test_where_nothing_has_run_it_is_said_what_can_be_tested(tmp_path: Path) -> None:
    plan, records = factories.plan(GMP, **RECIPE)
    rows = tuple(
        ROW.model_copy(update={"id": f"row-{point}", "sparsity": point, "protocol": protocol})
        for point, protocol in ((0.8, "p"), (0.9, "p"), (0.95, "q"))
    )

    def compared(*ended: Any) -> list[Compared]:
        table = measurements.from_records(plan, {one.id: measurements.Source(one, "", tmp_path) for one in ended}, {})
        return comparison.compare(plan, table, Published(rows, PROTOCOLS))

    nothing = compared()
    assert [each.outcome for each in nothing] == ["not run", "not run", "not comparable"]
    able = "Nothing has run yet: 2 of 3 published numbers can be tested"
    assert comparison.untested(nothing) == (able, "1 cannot (protocol 1)")
    assert comparison.untested(nothing[:2]) == (able.replace("3", "2"), "")
    assert comparison.untested(nothing[2:]) is None
    assert comparison.untested(compared(records[3])) is None
    assert comparison.untested(compared(records[-1])) is None  # of a number that cannot be compared


def test_no_rows_no_lines(tmp_path: Path) -> None:
    assert len(compare(tmp_path, GMP)) == 0


def test_shares_count_anchors(tmp_path: Path) -> None:
    rows = [
        ROW.model_copy(update={"id": "a", **PRINTED}),
        ROW.model_copy(update={"id": "b", "method": "gmp[allocation=global]"}),
        ROW.model_copy(update={"id": "c", "sparsity": 0.95, **PRINTED, "value": 70.0}),
    ]
    found = joined(tmp_path, GMP, *rows)
    assert comparison.shares(found) == {"gmp": {"above": 1, "reproduced": 1}}


def test_a_row_that_was_looked_at_before_the_rule_says_so_in_every_table(tmp_path: Path) -> None:
    row = ROW.model_copy(update={**PRINTED, "pilot": "one seed, 91.2"})
    compared = joined(tmp_path, GMP, row)
    (block,) = published_blocks(compared)
    assert "primary, pilot" in block.rows[0][2].text
    assert "Seen before the rule was fixed (pilot), row: one seed, 91.2." in published_notes(compared)

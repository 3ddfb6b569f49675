"""One figure per method over all cells: which methods, which cells, and what is printed."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.plan.grid import Plan
from bench.report import overall, summary
from bench.report.overall import Family
from bench.results import measurements
from bench.results.record import Cost, Record
from tests import factories

ACCURACIES: factories.Accuracies = {
    ("dense", None): [93.0, 93.1, 93.2],
    ("gmp", 0.9): [91.0, 91.1, 91.2],
    ("gmp", 0.95): [90.0, 90.1, 90.2],
    ("snip", 0.9): [88.0, 88.1, 88.2],
    ("snip", 0.95): [80.0, 80.1, 80.2],
}


def families(folder: Path, plan: Plan, records: list[Record]) -> list[Family]:
    for record in records:
        factories.write(record, folder)
    table = measurements.from_records(plan, *measurements.read_records(plan, folder))
    return overall.families(summary.cells(plan, table))


def of(folder: Path, accuracies: factories.Accuracies) -> list[Family]:
    return families(folder, *factories.plan(accuracies))


def test_scores_are_differences_from_the_dense_mean(tmp_path: Path) -> None:
    (family,) = of(tmp_path, ACCURACIES)
    assert family.protocol == ("short", "all")
    assert family.places == ((("cifar10", "resnet20_cifar"), 0.9), (("cifar10", "resnet20_cifar"), 0.95))
    assert family.scores["gmp"][0] == pytest.approx([-2.1, -2.0, -1.9])
    assert family.scores["snip"][1] == pytest.approx([-13.1, -13.0, -12.9])
    assert family.left_out == {}


def test_ranks_by_hand(tmp_path: Path) -> None:
    first, second = overall.rank(of(tmp_path, ACCURACIES)[0])
    assert (first.method, second.method) == ("gmp", "snip")
    # of −3.1 −3.0 −2.9 −2.1 −2.0 −1.9 the first and the last are cut
    assert first.iqm == pytest.approx(-2.5)
    assert first.mean == pytest.approx(-2.5)
    assert second.iqm == pytest.approx((-13.0 - 12.9 - 5.1 - 5.0) / 4)
    assert second.beaten == 1.0
    assert not second.open
    assert first.interval[0] < -2.5 < first.interval[1]


def test_length_is_relative_to_dense(tmp_path: Path) -> None:
    plan, records = factories.plan(ACCURACIES)
    longer = {"cost": Cost(epochs=25, own_epochs=25)}  # dense has ten
    records = [record.model_copy(update=longer) if record.spec.method == "snip" else record for record in records]
    (family,) = families(tmp_path, plan, records)
    assert family.lengths == {"gmp": 1.0, "snip": 2.5}


def test_methods_alike_are_open(tmp_path: Path) -> None:
    alike: factories.Accuracies = {
        ("dense", None): [93.0, 93.1, 93.2],
        **{("gmp", point): [91.0, 91.5, 90.5] for point in (0.9, 0.95)},
        **{("rigl", point): [91.1, 90.4, 91.3] for point in (0.9, 0.95)},
        **{("snip", point): [50.1, 50.4, 50.3] for point in (0.9, 0.95)},
    }
    ranked = {one.method: one for one in overall.rank(of(tmp_path, alike)[0])}
    assert ranked["rigl"].open or ranked["gmp"].open
    assert not ranked["snip"].open


def test_methods_without_all_cells_are_named(tmp_path: Path) -> None:
    accuracies = ACCURACIES | {("rigl", 0.9): [92.0, 92.1, 92.2], ("dpf", 0.9): [92.0] * 3, ("dpf", 0.95): [92.0] * 2}
    (family,) = of(tmp_path, accuracies)
    assert set(family.scores) == {"gmp", "snip"}
    assert family.left_out == {
        "rigl": "no cell at 95 % for resnet20_cifar on cifar10",
        "dpf": "2 of 3 seeds gave a network at 95 % for resnet20_cifar on cifar10",
    }
    (chapter,) = overall.chapter([family])
    assert "Left out, for not having all these cells: rigl (no cell at 95 %" in chapter.notes[-1]


def test_collapsed_networks_count_and_missing_ones_do_not(tmp_path: Path) -> None:
    plan, records = factories.plan(ACCURACIES | {("dpf", 0.9): [92.0] * 3, ("dpf", 0.95): [92.0, 92.0, 10.0]})
    collapsed = records[-1].model_copy(update={"outcome": "collapsed", "reason": "chance"})
    diverged = {"outcome": "diverged", "reason": "NaN", "results": []}
    records = [
        record.model_copy(update=diverged) if (record.spec.method, record.spec.seed) == ("snip", 1) else record
        for record in records[:-1]
    ]
    (family,) = families(tmp_path, plan, [*records, collapsed])
    assert family.scores["dpf"][1] == pytest.approx([-1.1, -1.1, -83.1])
    assert family.left_out == {"snip": "2 of 3 seeds gave a network at 90 % for resnet20_cifar on cifar10"}


@pytest.mark.parametrize(
    "left",
    [
        {("gmp", 0.9), ("gmp", 0.95), ("dense", None)},  # one method
        {("gmp", 0.9), ("snip", 0.9), ("dense", None)},  # one cell
        {("gmp", 0.9), ("gmp", 0.95), ("snip", 0.9), ("snip", 0.95)},  # nothing to measure by
    ],
)
def test_nothing_is_said_where_nothing_can_be(tmp_path: Path, left: set[tuple[str, float | None]]) -> None:
    found = of(tmp_path, {cell: values for cell, values in ACCURACIES.items() if cell in left})
    assert overall.chapter(found) == ()


def test_below_three_seeds_nothing_is_ranked(tmp_path: Path) -> None:
    assert of(tmp_path, {cell: values[:2] for cell, values in ACCURACIES.items()}) == []


def test_other_prunable_sets_are_a_family_of_their_own(tmp_path: Path) -> None:
    everything, records = factories.plan(ACCURACIES)
    fewer = {cell: values for cell, values in ACCURACIES.items() if cell[0] != "dense"}
    convolutions, others = factories.plan(fewer, prunable="conv")
    plan = Plan(everything.runs + convolutions.runs, everything.cells + convolutions.cells)
    assert [family.protocol[1] for family in families(tmp_path, plan, records + others)] == ["all", "conv"]


def test_as_printed(tmp_path: Path) -> None:
    (chapter,) = overall.chapter(of(tmp_path, ACCURACIES))
    (block,) = chapter.blocks
    assert block.title.endswith("in points: 2 cells with 3 seeds each (recipe short, prunable set all)")
    first, second = block.rows
    assert [text.text for text in first[:2]] == ["gmp", "−2.50"]
    assert [text.text for text in first[3:]] == ["−2.50", "–", "–", "1.00"]
    assert (first[1].best, second[1].best, second[1].open) == (True, False, False)
    assert [text.text for text in second[4:]] == ["100 %", "–", "1.00"]
    assert "resnet20_cifar on cifar10 at 90 %, 95 %" in chapter.notes[1]

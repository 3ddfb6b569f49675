"""Orders of methods, in a paper and here; and the verdicts on each method."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from bench.published.comparison import Compared
from bench.published.obstacles import Kind, Obstacle
from bench.published.outcomes import Outcome
from bench.report import agreement
from bench.report.layout import Chapter
from bench.statistics import Summary
from tests import factories
from tests.published.test_verdict import ROW

BUDGET = Obstacle(Kind.BUDGET, "0.1 of the recipe's length")
PUBLISHED = {"gmp": 93.0, "snip": 92.0, "dpf": 94.0, "rigl": 91.0}
ROW_FIELDS = ("id", "paper", "protocol", "sparsity", "architecture", "value")
OURS = {"gmp": 83.0, "snip": 84.0, "dpf": 85.0, "rigl": 70.0}


def line(method: str, **changes: Any) -> Compared:
    row = {"id": f"row-{method}", "method": method, "method_printed": method.upper(), "paper": "Lin et al., DPF"}
    row |= {"value": PUBLISHED.get(method, 90.0)} | {name: changes.pop(name) for name in ROW_FIELDS if name in changes}
    ours = Summary(changes.pop("n", 3), changes.pop("ours", OURS.get(method, 80.0)), math.nan)
    return factories.compared(ROW.model_copy(update=row), ours, **({"obstacles": (BUDGET,)} | changes))


def chapters(lines: list[Compared], recipes: dict[str, str] | None = None) -> tuple[Chapter, ...]:
    """With a recipe of its own for some methods."""
    asked = [one.spec.model_copy(update={"recipe_text": (recipes or {}).get(one.cell.method, "r")}) for one in lines]
    return agreement.chapters([replace(one, spec=spec) for one, spec in zip(lines, asked, strict=True)])


def test_an_order_by_hand() -> None:
    (chapter,) = chapters([line(method) for method in PUBLISHED])
    assert chapter.title == "Rank agreement with the paper"
    (row,) = chapter.blocks[0].rows
    # theirs: dpf gmp snip rigl; ours: dpf snip gmp rigl; one of six pairs is reversed, and 8 of 24 orders are as close
    assert [text.text for text in row] == [
        "resnet20_cifar on cifar10",
        "90 %",
        "Lin et al.: DPF (85.00) > GMP (83.00) > SNIP (84.00) > RIGL (70.00)",
        "+0.67",
        "0.333",
        "3",
        "budget",
    ]
    assert "resnet20_cifar on cifar10 at 90 %: row-dpf, row-gmp, row-snip, row-rigl." in chapter.notes[-1]


def test_ties_of_the_paper_are_shown() -> None:
    (chapter,) = chapters([line("gmp"), line("snip", value=93.0), line("dpf")])
    assert chapter.blocks[0].rows[0][2].text == "Lin et al.: DPF (85.00) > GMP (83.00) = SNIP (84.00)"


def test_two_methods_are_no_order() -> None:
    assert chapters([line("gmp"), line("snip"), line("dense", sparsity=0.0)]) == ()


@pytest.mark.parametrize(
    "changes",
    [
        {"obstacles": (Obstacle(Kind.UNVERIFIED, "nobody read it"),)},
        {"obstacles": (BUDGET, Obstacle(Kind.VARIANT, "the paper's is dpf[x=1]"))},
        {"paper": "Another"},
        {"protocol": "another"},
        {"sparsity": 0.95},
        {"architecture": "vgg"},
        {"n": 0, "ours": math.nan},
    ],
)
def test_a_row_about_something_else_is_not_in_the_order(changes: dict[str, Any]) -> None:
    assert chapters([line("gmp"), line("snip"), line("dpf", **changes)]) == ()


def test_our_numbers_come_from_one_recipe() -> None:
    lines = [line("gmp"), line("snip"), line("dpf")]
    assert len(chapters(lines)) == 1
    assert chapters(lines, {"dpf": "longer"}) == ()


def test_a_cell_counts_once() -> None:
    twice = [line("gmp"), line("snip"), line("snip", id="again", anchor=False, value=99.0), line("dpf")]
    (chapter,) = chapters(twice)
    assert "again" not in chapter.notes[-1]


def test_ties_of_all_have_no_order() -> None:
    (chapter,) = chapters([line(method, ours=50.0) for method in PUBLISHED])
    assert [text.text for text in chapter.blocks[0].rows[0]][3:5] == ["not defined", "–"]


def test_verdicts_by_method() -> None:
    networks = [
        line("gmp", architecture=f"net{index}", outcome=Outcome.REPRODUCED, obstacles=(), difference=0.1 * index)
        for index in range(5)
    ]
    below = line("snip", outcome=Outcome.BELOW, obstacles=(), difference=-2.0)
    chance = line("snip", sparsity=0.98, outcome=Outcome.BOTH_COLLAPSED, obstacles=(), difference=5.0)
    (chapter,) = chapters([*networks, below, chance, line("dpf")])
    gmp, snip, dpf = ([text.text for text in row] for row in chapter.blocks[0].rows)
    assert gmp[:10] == ["gmp", "5", *["0"] * 8]
    assert gmp[10] == "+0.20" and gmp[11].startswith("+0.0")
    assert gmp[12] == "5"
    assert snip == ["snip", "0", "0", "0", "0", "1", "0", "0", "0", "1", "−2.00", "–", "1"]
    assert dpf == ["dpf", "0", "0", "0", "0", "0", "0", "0", "1", "0", "–", "–", "0"]
    assert "from 5 networks on" in chapter.notes[0]


def test_nothing_published() -> None:
    assert agreement.chapters([]) == ()

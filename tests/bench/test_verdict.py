"""The rule on synthetic cases, by hand, and how often it errs."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import recipe, statistics
from bench.published import Protocol, Row, verdict
from bench.published.verdict import Spread
from tests.bench import factories

CHANCE = 10.0
ROW = Row(
    id="row",
    paper="A",
    table="1",
    dataset="cifar10",
    architecture="resnet20_cifar",
    architecture_printed="ResNet-20",
    method="gmp",
    method_printed="GMP",
    structure="unstructured",
    sparsity=0.9,
    sparsity_of="weights",
    prunable="all",
    metric="top1",
    value=91.0,
    protocol="p",
    report="last",
    reading="exact",
    reading_error=0.005,
    source="here",
    verified="primary",
)


def row(**changes: Any) -> Row:
    return ROW.model_copy(update=changes)


def judge(values: list[float], one: Row = ROW, *, std: float = 0.1, degrees: int = 12) -> verdict.Verdict:
    return verdict.judge(values, Spread(std, degrees, 3), one, CHANCE)


# --- the statistics -----------------------------------------------------------------------------------------------


def test_half_width_by_hand_when_the_paper_gives_no_spread() -> None:
    # one estimate for both: 0.1·√(1/3 + 1/3)·t(0.95, 12) + 0.005 = 0.08165·1.7823 + 0.005
    assert verdict.half_width(Spread(0.1, 12, 3), 3, row(n_seeds=3)) == pytest.approx(0.15052, abs=1e-4)


def test_half_width_by_hand_with_the_papers_spread() -> None:
    # squared errors 0.01/3 (12 degrees) and 0.04/4 (3 degrees): Welch's df = (1/75)² / ((1/300)²/12 + 0.01²/3) = 5.19
    degrees = (1 / 75) ** 2 / ((1 / 300) ** 2 / 12 + 0.01**2 / 3)
    expected = statistics.quantile(0.95, degrees) * math.sqrt(1 / 75) + 0.005
    assert verdict.half_width(Spread(0.1, 12, 3), 3, row(n_seeds=4, std=0.2, std_kind="std")) == pytest.approx(expected)


def test_unknown_number_of_seeds_counts_as_one() -> None:
    known, unknown = row(n_seeds=1), row(n_seeds=None)
    assert verdict.half_width(Spread(0.1, 12, 3), 3, known) == verdict.half_width(Spread(0.1, 12, 3), 3, unknown)


def test_a_spread_of_unknown_kind_is_not_taken_for_less_than_ours() -> None:
    without = verdict.half_width(Spread(0.1, 12, 3), 3, row(n_seeds=3))
    assert verdict.half_width(Spread(0.1, 12, 3), 3, row(n_seeds=3, std=0.01, std_kind="unknown")) == without
    assert verdict.half_width(Spread(0.1, 12, 3), 3, row(n_seeds=3, std=0.5, std_kind="unknown")) > without


def test_reading_error_widens() -> None:
    exact, digitised = row(n_seeds=3), row(n_seeds=3, reading="digitised", reading_error=0.2)
    widths = [verdict.half_width(Spread(0.1, 12, 3), 3, each) for each in (exact, digitised)]
    assert widths[1] - widths[0] == pytest.approx(0.195)


@pytest.mark.parametrize(
    ("mean", "word"),
    [
        (91.0, "reproduced"),
        (91.34, "reproduced"),  # 0.34 + 0.15 < 0.5
        (91.4, "inconclusive"),
        (91.6, "inconclusive"),
        (91.7, "above"),  # 0.7 − 0.15 > 0.5
        (90.3, "below"),
    ],
)
def test_the_rule(mean: float, word: str) -> None:
    assert judge([mean] * 3, row(n_seeds=3)).word == word


def test_margins() -> None:
    assert verdict.margin("cifar10", 0.9) == 0.5
    assert verdict.margin("cifar100", 0.9) == 1.0
    assert verdict.margin("cifar10", 0.98) == 1.0
    assert verdict.margin("digits", 0.9) is None


def test_no_margin_is_not_comparable() -> None:
    found = judge([91.0] * 3, row(dataset="digits"))
    assert (found.word, found.reason) == ("not comparable", "margin: none is fixed for digits")


def test_few_degrees_of_freedom_are_inconclusive_however_close() -> None:
    found = verdict.judge([91.0, 91.0], Spread(0.01, 3, 3), row(n_seeds=3), CHANCE)
    assert found.word == "inconclusive"
    assert found.seeds_needed == 3  # 3 cells · (3 − 1) = 6 degrees
    assert "3 degrees of freedom where 6 are needed" in found.reason


def test_one_seed_says_nothing_of_the_spread() -> None:
    found = verdict.judge([91.0], Spread(math.nan, 0, 3), row(n_seeds=3), CHANCE)
    assert found.word == "inconclusive"
    assert found.reason.endswith("needs at least 3 seeds")
    assert math.isnan(found.half_width)


def test_the_seeds_it_takes_do_decide_and_fewer_do_not() -> None:
    ours, one = Spread(0.4, 12, 3), row(n_seeds=50)
    found = verdict.judge([91.2] * 5, ours, one, CHANCE)
    assert found.word == "inconclusive"
    assert found.seeds_needed is not None

    def word(seeds: int) -> str:
        half = verdict.half_width(Spread(0.4, 3 * (seeds - 1), 3), seeds, one)
        return verdict.decide(91.2 - 91.0, half, 0.5)

    assert word(found.seeds_needed) == "reproduced"
    assert word(found.seeds_needed - 1) == "inconclusive"


def test_a_single_published_run_can_be_undecidable() -> None:
    found = judge([91.1] * 3, row(n_seeds=1), std=0.6)
    assert (found.word, found.seeds_needed) == ("inconclusive", None)
    assert "no number of our seeds" in found.reason


def test_both_collapsed_is_outside_every_share() -> None:
    assert judge([10.0, 10.0, 10.0], row(value=10.0)).word == "both collapsed"
    assert judge([10.0, 10.0, 10.0], row(value=60.0)).word == "below"


def test_no_finished_run() -> None:
    assert judge([]).word == "inconclusive"


def test_spread_pools_three_neighbours() -> None:
    groups = {0.5: [1.0, 3.0], 0.8: [0.0, 0.0], 0.9: [5.0, 5.0], 0.95: [2.0, 6.0], 0.98: [7.0]}
    assert verdict.spread(groups, 0.5).std == pytest.approx(math.sqrt(2 / 3))  # 0.5, 0.8, 0.9: variances 2, 0, 0
    assert verdict.spread(groups, 0.9).std == pytest.approx(math.sqrt(8 / 3))  # 0.8, 0.9, 0.95: 0, 0, 8
    assert verdict.spread(groups, 0.98) == Spread(2.0, 2, 3)  # 0.9, 0.95, 0.98: variances 0 and 8, one seed alone
    assert verdict.spread({0.9: [0.0, 0.0]}, 0.9) == Spread(0.0, 1, 1)


@given(st.floats(0, 100), st.floats(0, 10), st.floats(0.01, 3))
def test_words_exclude_each_other(difference: float, half: float, delta: float) -> None:
    word = verdict.decide(difference, half, delta)
    mirrored = {"above": "below"}.get(word, word)
    assert verdict.decide(-difference, half, delta) == (mirrored if difference else word)
    if verdict.decide(difference, half + 1, delta) != "inconclusive":
        assert verdict.decide(difference, half + 1, delta) == word  # more uncertainty never turns a verdict round


def rate(word: str, *, gap: float, sigma: float, repeats: int = 1500) -> float:
    """How often the verdict is `word` when the true difference is `gap`: 3 seeds at 3 sparsities, the paper 3."""
    draw = np.random.default_rng(0)
    hits = 0
    for _ in range(repeats):
        groups = {point: list(91 + gap + sigma * draw.standard_normal(3)) for point in (0.8, 0.9, 0.95)}
        theirs = 91 + sigma * draw.standard_normal(3)
        published = row(value=float(theirs.mean()), std=float(theirs.std(ddof=1)), std_kind="std", n_seeds=3)
        hits += verdict.judge(groups[0.9], verdict.spread(groups, 0.9), published, CHANCE).word == word
    return hits / repeats


def test_operating_characteristics() -> None:
    # At the margin itself a true difference passes as "reproduced" in about 5 % of cases (the test's level), a true
    # copy is recognised almost always where seeds scatter little, and is never condemned.
    assert rate("reproduced", gap=0.5, sigma=0.2) < 0.07
    assert rate("reproduced", gap=0.0, sigma=0.1) > 0.95
    assert rate("reproduced", gap=1.0, sigma=0.2) == 0
    assert rate("below", gap=-1.0, sigma=0.1) > 0.9
    assert rate("below", gap=0.0, sigma=0.3) < 0.01


# --- comparability ------------------------------------------------------------------------------------------------

PROTOCOL = Protocol(recipe="cifar10", prunable="all", report="last", source="here")


def ours(**changes: Any) -> Any:
    return factories.spec("gmp", recipe=recipe.load("cifar10"), recipe_text="cifar10", **changes)


def test_equal_protocols_are_comparable() -> None:
    assert verdict.obstacles(ROW, PROTOCOL, ours()) == []


def test_a_name_is_no_difference() -> None:
    renamed = recipe.load("cifar10").model_copy(update={"name": "mine", "evaluate_every": 5})
    assert verdict.obstacles(ROW, PROTOCOL, factories.spec("gmp", recipe=renamed)) == []


@pytest.mark.parametrize(
    ("one", "protocol", "changes", "reason"),
    [
        (row(verified="unverified"), PROTOCOL, {}, "unverified"),
        (row(method="gmp[allocation=global]"), PROTOCOL, {}, "variant: the paper's is gmp[allocation=global]"),
        (row(method="gmp[schedule.every=50]"), PROTOCOL, {}, "variant: the paper's is gmp[schedule.every=50]"),
        (ROW, PROTOCOL.model_copy(update={"recipe": None, "reason": "not known"}), {}, "protocol: not known"),
        (row(prunable="conv"), PROTOCOL, {}, "prunable set: all instead of conv"),
        (row(report="best_validation"), PROTOCOL, {}, "reported epoch"),
        (row(architecture=""), PROTOCOL, {}, "architecture"),
    ],
)
def test_obstacles(one: Row, protocol: Protocol, changes: dict[str, Any], reason: str) -> None:
    found = verdict.obstacles(one, protocol, ours(**changes))
    assert len(found) == 1
    assert found[0].startswith(reason)


@pytest.mark.parametrize(("report", "count"), [("last", 0), ("best", 1), ("best_validation", 0)])
def test_what_a_run_with_held_out_images_can_answer(report: str, count: int) -> None:
    text = "cifar10[data.validation=5000]"
    protocol = PROTOCOL.model_copy(update={"recipe": text})
    spec = factories.spec("gmp", recipe=recipe.load(text), recipe_text=text)
    assert len(verdict.obstacles(row(report=report), protocol, spec)) == count


def test_a_scaled_run_differs_in_its_budget_only() -> None:
    scaled = factories.spec("gmp", recipe=recipe.load("cifar10").scaled(0.1), budget=0.1)
    assert verdict.obstacles(ROW, PROTOCOL, scaled) == ["budget: 0.1 of the recipe's length"]


def test_every_material_field_counts() -> None:
    other = recipe.load("cifar10[batch_size=64,data.flip=false]")
    found = verdict.obstacles(ROW, PROTOCOL, factories.spec("gmp", recipe=other))
    assert found == ["recipe: batch_size: 64 instead of 128", "recipe: data.flip: False instead of True"]


def test_a_fine_tuning_phase_matters_only_to_methods_that_use_it() -> None:
    longer = recipe.load("cifar10[finetune.epochs=80]")
    assert verdict.obstacles(ROW, PROTOCOL, factories.spec("gmp", recipe=longer)) == []
    found = verdict.obstacles(row(method="magnitude"), PROTOCOL, factories.spec("magnitude", recipe=longer))
    assert found == ["recipe: finetune.epochs: 80.0 instead of 40.0"]

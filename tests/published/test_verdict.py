"""Verdicts on synthetic cases, by hand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pytest

from bench.published import Row, rule, verdict
from bench.published.outcomes import RETRAINED, Outcome, Printed
from bench.published.verdict import Scale, Verdict
from bench.report.tables import TEMPLATES

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


SCALE = Scale(chance=10.0, image=0.01)
PRINTED: dict[str, Any] = {"std": 0.1, "std_kind": "std", "n_seeds": 3}
SEEDS = (-0.1, 0.0, 0.1)
"""Around their mean: a standard deviation of 0.1."""


def judge(mean: float, one: Row | None = None, seeds: Sequence[float] = SEEDS, **options: Any) -> Verdict:
    return verdict.judge([mean + each for each in seeds], one or row(**PRINTED), SCALE, **options)


@pytest.mark.parametrize(
    ("mean", "outcome"),
    [
        # h = t(.95, 2) · √(.01/3 + .01/3) + .005 = 2.919986 · .0816497 + .005 = .24342
        (91.0, Outcome.REPRODUCED),
        (91.256, Outcome.REPRODUCED),
        (91.257, Outcome.INCONCLUSIVE),
        (91.743, Outcome.INCONCLUSIVE),
        (91.744, Outcome.ABOVE),
        (90.256, Outcome.BELOW),
    ],
)
def test_the_rule(mean: float, outcome: Outcome) -> None:
    found = judge(mean)
    assert found.outcome is outcome
    assert found.half_width == pytest.approx(0.24342, abs=1e-5)
    assert found.margin == 0.5
    assert found.difference == pytest.approx(mean - 91.0)


def test_the_margin_is_that_of_network_and_sparsity() -> None:
    assert judge(91.5, row(sparsity=0.98, **PRINTED)).outcome is Outcome.REPRODUCED
    assert judge(91.5, row(dataset="cifar100", **PRINTED)).outcome is Outcome.REPRODUCED


def test_a_dense_network_needs_no_other_sparsities() -> None:
    # Three seeds that agree to the image: s is one image, and 3 seeds of theirs at .1 leave t(.95, 2) · .0582 + .005
    found = judge(91.0, row(method="dense", structure="dense", sparsity=0.0, **PRINTED), seeds=(0.0, 0.0, 0.0))
    assert found.outcome is Outcome.REPRODUCED
    assert found.half_width == pytest.approx(2.919986 * math.sqrt((0.0001 + 0.01) / 3) + 0.005, abs=1e-6)


def test_too_few_seeds_are_inconclusive_however_close() -> None:
    two = judge(91.0, seeds=(-0.01, 0.01))
    assert (two.outcome, two.seeds_needed) == (Outcome.INCONCLUSIVE, 3)
    assert two.reason == "2 of our seeds where 3 are needed"
    assert math.isnan(two.half_width) and two.printed is None
    one = judge(91.0, seeds=(0.0,))
    assert (one.outcome, one.seeds_needed) == (Outcome.INCONCLUSIVE, 3)
    unprinted = judge(91.0, row())
    assert (unprinted.outcome, unprinted.seeds_needed) == (Outcome.INCONCLUSIVE, 5)
    assert unprinted.reason == "3 of our seeds where 5 are needed"
    wide = judge(91.0, row(n_seeds=3), seeds=(-0.3, 0.3))  # s = .424, theirs is taken for .636
    assert wide.seeds_needed is None
    assert wide.reason == "2 of our seeds where 5 are needed; no number of our seeds would decide"


def test_an_open_verdict_says_how_many_seeds_would_decide() -> None:
    found = judge(91.26)
    assert found.outcome is Outcome.INCONCLUSIVE
    # 2 degrees remain, for theirs are 3 runs: 2.919986 · √(.01/4 + .01/3) + .005 = .2280 ≤ .24
    assert (found.seeds_needed, found.reason) == (4, "needs about 4 seeds")


def test_an_unprinted_spread_is_assumed_and_the_verdict_says_so() -> None:
    seeds = (-0.1, -0.1, 0.0, 0.1, 0.1)
    found = judge(91.0, row(), seeds=seeds)
    assert found.outcome is Outcome.REPRODUCED
    assert found.stands_to == pytest.approx(2.27846, abs=1e-4)  # by hand in test_rule.py
    assert "up to 2.3 × ours the verdict stands" in found.reason
    assert math.isnan(judge(91.0).stands_to)


def test_the_printed_value_stands_beside_the_verdict() -> None:
    # t(.95, 2) · .1/√3 + .005 = .17359
    assert judge(91.0).printed is Printed.INSIDE
    assert (judge(91.3).outcome, judge(91.3).printed) == (Outcome.INCONCLUSIVE, Printed.INSIDE)
    assert judge(91.4).printed is Printed.OPEN
    assert judge(90.3).printed is Printed.OUTSIDE


def test_one_of_two_readings_needs_half_the_level() -> None:
    half = judge(91.0, level=rule.LEVEL / 2).half_width
    assert half == pytest.approx(4.302653 * 0.0816497 + 0.005, abs=1e-5)  # t(.975, 2)


def test_looks() -> None:
    one = row(std=0.1, std_kind="std", n_seeds=20)
    alternating = [0.1, -0.1] * 10
    assert judge(91.0, one, alternating[:4], looks=True).reason == "4 of our seeds; the next look is at 5 seeds"
    # s = .109545 of +.1 −.1 +.1 −.1 +.1, mean .02 above; t(.99, 4) = 3.746947: h = 3.746947·√(.012/5 + .01/20) + .005
    first = judge(91.0, one, alternating[:5], looks=True)
    assert first.half_width == pytest.approx(3.746947 * math.sqrt(0.0029) + 0.005, abs=1e-5)
    assert first.outcome is Outcome.REPRODUCED
    # Seeds after the look that decided, and between looks, are not looked at.
    assert judge(91.0, one, [*alternating[:5], *[9.0] * 4], looks=True) == first
    # .3 above, open at 5 seeds; at 10, s = .1·√(10/9) and t(.985, 9) = 2.573804: h = .108
    later = judge(91.35, one, alternating[:10], looks=True)
    assert later.half_width == pytest.approx(2.573804 * math.sqrt(0.01 / 9 + 0.01 / 20) + 0.005, abs=1e-5)
    assert judge(91.35, one, alternating[:9], looks=True).seeds_needed == 10
    over = judge(91.5, one, alternating, looks=True)
    assert (over.outcome, over.seeds_needed) == (Outcome.INCONCLUSIVE, None)
    assert over.reason == "20 of our seeds; the last look is over"


def test_both_collapsed_is_outside_every_share() -> None:
    assert judge(10.0, row(value=10.0, **PRINTED)).outcome is Outcome.BOTH_COLLAPSED
    assert judge(10.0, row(value=60.0, **PRINTED)).outcome is Outcome.BELOW


def test_nothing_run_is_a_word_of_its_own() -> None:
    assert verdict.judge([], row(), SCALE).outcome is Outcome.NOT_RUN
    assert math.isnan(verdict.judge([], row(), SCALE).difference)


def test_each_outcome_has_a_letter_and_a_colour_of_its_own() -> None:
    assert len({each.letter for each in Outcome}) == len(Outcome)
    assert len({each.colour for each in RETRAINED}) == len(RETRAINED)  # those that stand together in a report
    styles = (TEMPLATES / "tables.css").read_text()
    assert all(f".v-{each.colour}" in styles for each in Outcome)

"""Many methods at once, and orders: by hand, by known examples, and how often the rules err."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from bench.statistics import ranking


def test_welch_equals_scipys() -> None:
    ours, theirs = [91.2, 91.9, 90.4, 91.1], [89.9, 92.5]
    assert ranking.welch(ours, theirs) == pytest.approx(stats.ttest_ind(ours, theirs, equal_var=False).pvalue)


def test_welch_by_hand() -> None:
    # means 2 and 5, variances 1: t = 3/√(2/3) = 3.674 with 4 degrees, for which tables give 0.0213
    assert ranking.welch([1, 2, 3], [4, 5, 6]) == pytest.approx(0.0213, abs=1e-4)


@pytest.mark.parametrize(
    ("ours", "theirs", "p"), [([1, 1, 1], [1, 1], 1.0), ([1, 1, 1], [2, 2], 0.0), ([1], [2, 3], math.nan)]
)
def test_welch_without_spread(ours: list[float], theirs: list[float], p: float) -> None:
    assert ranking.welch(ours, theirs) == pytest.approx(p, nan_ok=True)


def test_holm_by_hand() -> None:
    # sorted 0.005 0.01 0.03 0.04, times 4 3 2 1: 0.02 0.03 0.06 0.04, and the last may not be below the one before
    assert ranking.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert ranking.holm([0.5, 0.9]) == [1.0, 1.0]
    assert ranking.holm([]) == []


def test_holm_leaves_out_what_was_not_tested() -> None:
    first, none, second = ranking.holm([0.01, math.nan, 0.04])
    assert (first, second) == pytest.approx((0.02, 0.04))
    assert math.isnan(none)


def test_agreement_by_hand() -> None:
    # of the six pairs of 1 2 3 4 and 1 3 2 4 one is reversed: (5 − 1)/6; 6 of 24 orders have at most one, times two
    # for the reversed: 1 + 3 = 4 orders have at most one reversed pair, so p = 8/24
    tau, p = ranking.agreement([1, 2, 3, 4], [1, 3, 2, 4])
    assert (tau, p) == pytest.approx((4 / 6, 8 / 24))
    assert ranking.agreement([1, 2, 3], [30, 20, 10]) == pytest.approx((-1, 2 / 6))


def test_agreement_with_ties_tries_every_order() -> None:
    # x = 1 1 2, y = 1 2 3: pairs (1,3) and (2,3) agree, (1,2) is tied: τ-b = 2/√(2·3). S is 2, 0, −2 for the three
    # places of the single 2, each for two orders: |S| ≥ 2 in four of six
    tau, p = ranking.agreement([1, 1, 2], [1, 2, 3])
    assert tau == pytest.approx(2 / math.sqrt(6))
    assert p == pytest.approx(4 / 6)


def test_p_value_is_the_share_of_orders_that_agree_as_much() -> None:
    ours, theirs = [3.0, 1.0, 2.0, 5.0, 4.0], [1.0, 2.0, 3.0, 4.0, 5.0]
    found = [stats.kendalltau(order, theirs).statistic for order in itertools.permutations(ours)]
    tau, p = ranking.agreement(ours, theirs)
    assert p == pytest.approx(np.mean(np.abs(found) >= abs(tau) - 1e-9))


def test_many_methods_with_ties_have_a_p_value() -> None:
    values = [float(one // 2) for one in range(12)]
    tau, p = ranking.agreement(values, values)
    assert tau == pytest.approx(1)
    assert 0 < p < 0.001
    assert ranking.agreement(values, values) == (tau, p)


@pytest.mark.parametrize("ours", [[], [1.0], [2.0, 2.0, 2.0]])
def test_no_order_agrees_with_nothing(ours: list[float]) -> None:
    tau, p = ranking.agreement(ours, list(range(len(ours))))
    assert math.isnan(tau)
    assert math.isnan(p)

"""Means and intervals against hand-computed values and textbook tables."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from bench import statistics

accuracies = st.lists(st.floats(0, 100), min_size=2, max_size=8)


def test_summary_by_hand() -> None:
    # mean (1+2+6)/3 = 3; squared deviations 4+1+9 = 14; 14/2 = 7
    n, mean, std = statistics.summarise([1, 2, 6])
    assert (n, mean) == (3, 3)
    assert std == pytest.approx(math.sqrt(7))


def test_one_value_has_no_spread() -> None:
    assert statistics.summarise([5.0]).mean == 5
    assert math.isnan(statistics.summarise([5.0]).std)
    assert math.isnan(statistics.interval([5.0])[0])
    assert math.isnan(statistics.difference([5.0], [1.0, 2.0])[0])


def test_nothing_has_no_mean() -> None:
    assert math.isnan(statistics.summarise([]).mean)


def test_interval_by_hand() -> None:
    # std of 1, 2, 3 is 1; t(0.975, 2) = 4.3027 in every table; 4.3027/√3 = 2.4841
    low, high = statistics.interval([1, 2, 3])
    assert low == pytest.approx(2 - 2.4841, abs=1e-4)
    assert high == pytest.approx(2 + 2.4841, abs=1e-4)


def test_difference_of_equal_spreads_by_hand() -> None:
    # both variances 1, n = 3: SE = √(2/3) = 0.8165, Welch's df = 4, t(0.975, 4) = 2.7764 → 2.2669
    low, high = statistics.difference([1, 2, 3], [4, 5, 6])
    assert low == pytest.approx(-3 - 2.2669, abs=1e-4)
    assert high == pytest.approx(-3 + 2.2669, abs=1e-4)


def test_difference_without_spread_is_exact() -> None:
    assert statistics.difference([10, 10, 10], [10, 10, 10]) == (0, 0)
    assert statistics.difference([12, 12], [10, 10]) == (2, 2)


def test_welch_degrees_by_hand() -> None:
    # equal squared errors 1/3 with 2 degrees each: (2/3)² / (2·(1/9)/2) = (4/9)/(1/9) = 4
    assert statistics.welch_degrees((1 / 3, 2), (1 / 3, 2)) == pytest.approx(4)
    # an exact partner leaves the degrees of the other
    assert statistics.welch_degrees((0.5, 7), (0.0, 1)) == pytest.approx(7)
    assert statistics.welch_degrees((0.0, 7), (0.0, 2)) == 9


def test_difference_equals_scipys() -> None:
    ours, theirs = [91.2, 91.9, 90.4, 91.1], [89.9, 92.5]
    expected = stats.ttest_ind(ours, theirs, equal_var=False).confidence_interval(0.9)
    assert statistics.difference(ours, theirs, 0.9) == pytest.approx((expected.low, expected.high))


@given(accuracies, accuracies)
def test_difference_is_antisymmetric(ours: list[float], theirs: list[float]) -> None:
    low, high = statistics.difference(ours, theirs)
    other = statistics.difference(theirs, ours)
    assert (low, high) == pytest.approx((-other[1], -other[0]), nan_ok=True)


@given(accuracies, st.floats(0.5, 0.94))
def test_more_confidence_is_wider(values: list[float], confidence: float) -> None:
    narrow, wide = statistics.interval(values, confidence), statistics.interval(values, 0.95)
    assert wide[0] <= narrow[0] <= narrow[1] <= wide[1]


@pytest.mark.parametrize(
    ("interval", "relation"),
    [
        ((-0.5, 0.5), "within"),
        ((0.51, 0.9), "above"),
        ((-0.9, -0.51), "below"),
        ((0.4, 0.6), "open"),
        ((-9.0, 9.0), "open"),
        (statistics.UNKNOWN, "open"),
    ],
)
def test_equivalence_by_hand(interval: statistics.Interval, relation: str) -> None:
    assert statistics.equivalence(interval, 0.5) == relation

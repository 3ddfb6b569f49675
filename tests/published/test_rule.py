"""The rule on numbers, by hand: what a source lets us know, half widths, and how many seeds decide."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.published.rule import LEVEL, LOOKS, Comparison, Source, half_width, source, spread
from tests.published.test_verdict import row

IMAGE = 0.01
T2, T4, T975_2 = (
    2.919986,
    2.131847,
    4.302653,
)  # Student's quantiles from a printed table: t(.95, 2), t(.95, 4), t(.975, 2)


def half(n: int, error: float = 0.005, level: float = LEVEL, **changes: Any) -> float:
    return float(half_width(0.1, n, source(row(**changes), IMAGE), error, level))


def test_spread_and_runs_printed() -> None:
    # squared errors .01/3 and .04/4; the fewer runs are our 3, so 2 degrees: t · √.0133333 = .337171
    assert half(3, std=0.2, std_kind="std", n_seeds=4) == pytest.approx(0.337171 + 0.005, abs=1e-6)
    # with 20 seeds of ours theirs are fewer: 3 degrees, t(.95, 3) = 2.353363, √(.01/20 + .04/4) = .1024695
    assert half(20, std=0.2, std_kind="std", n_seeds=4) == pytest.approx(2.353363 * 0.1024695 + 0.005, abs=1e-6)


def test_other_kinds_of_spread_are_converted() -> None:
    # A standard error of .1 over 4 runs is a standard deviation of .2; so is ± .318245 (t(.975, 3) = 3.182446) of 95 %.
    expected = half(3, std=0.2, std_kind="std", n_seeds=4)
    assert half(3, std=0.1, std_kind="sem", n_seeds=4) == pytest.approx(expected)
    assert half(3, std=0.3182446, std_kind="ci95", n_seeds=4) == pytest.approx(expected)
    # Of unknown kind it may be a standard error, and counts as one.
    assert half(3, std=0.1, std_kind="unknown", n_seeds=4) == pytest.approx(expected)


def test_no_spread_printed() -> None:
    # theirs is taken for 1.5 × ours: t(.95, 4) · .1 · √(1/5 + 2.25/3) = .207787; one run if none is
    # stated: √(1/5 + 2.25)
    assert half(5, n_seeds=3) == pytest.approx(0.207787 + 0.005, abs=1e-6)
    assert half(5) == half(5, n_seeds=1) == pytest.approx(T4 * 0.1 * math.sqrt(2.45) + 0.005, abs=1e-6)
    assert half(5, std=0.3, std_kind="std", n_seeds=1) == half(5)  # one run has no spread, whatever is printed


def test_spread_without_the_number_of_runs() -> None:
    # 1.8 × the standard error of .05: √(.01/5 + .0081) = .1004988
    assert half(5, std=0.05, std_kind="sem") == pytest.approx(T4 * 0.1004988 + 0.005, abs=1e-6)
    assert half(5, std=0.05, std_kind="unknown") == half(5, std=0.05, std_kind="sem")
    assert half(5, std=0.05 * 1.959964, std_kind="ci95") == pytest.approx(half(5, std=0.05, std_kind="sem"))
    # A standard deviation is that of the one run that is assumed: √(.01/5 + .04)
    assert half(5, std=0.2, std_kind="std") == pytest.approx(T4 * math.sqrt(0.042) + 0.005, abs=1e-6)


def test_fewest_seeds() -> None:
    assert source(row(std=0.2, std_kind="std", n_seeds=2), IMAGE).fewest == 3
    for changes in ({}, {"n_seeds": 20}, {"std": 0.2, "std_kind": "sem"}, {"std": 0.2, "std_kind": "std"}):
        assert source(row(**changes), IMAGE).fewest == 5


def test_the_level_is_one_sided_and_the_reading_error_widens() -> None:
    printed = {"std": 0.2, "std_kind": "std", "n_seeds": 4}
    assert half(3, 0.0, LEVEL / 2, **printed) == pytest.approx(half(3, 0.0, **printed) * T975_2 / T2, abs=1e-5)
    assert half(3, 0.2, **printed) - half(3, **printed) == pytest.approx(0.195)


def test_no_spread_is_below_one_test_image() -> None:
    assert spread(0.0, IMAGE) == IMAGE
    assert spread(0.3, IMAGE) == 0.3
    assert math.isnan(spread(math.nan, IMAGE))
    # nor a printed one: ± 0.00 over 4 runs is .01/√4
    assert source(row(std=0.0, std_kind="std", n_seeds=4), IMAGE).error == 0.005


def test_looks_share_the_level() -> None:
    assert {n: LEVEL * share for n, share in LOOKS.items()} == pytest.approx({5: 0.01, 10: 0.015, 20: 0.025})
    assert sum(LOOKS.values()) == 1


def comparison(difference: float = 0.0, std: float = 0.1, n: int = 5, **changes: Any) -> Comparison:
    return Comparison(difference, std, n, source(row(**changes), IMAGE), 0.005, 0.5)


def test_a_verdict_says_what_it_stands_to() -> None:
    # (.5 − .005) / 2.131847 = .232193 is the largest error; .232193² = .01 · (1/5 + r²), so r = 2.278
    assert comparison().stands_to() == pytest.approx(2.27846, abs=1e-4)
    # above by .9: .395 / 2.131847 = .185285, r² = 3.4331 − .2
    assert comparison(0.9).stands_to() == pytest.approx(1.79808, abs=1e-4)
    # over 3 runs, r² = 3 · (5.39136 − .2)
    assert comparison(n_seeds=3).stands_to() == pytest.approx(3.94641, abs=1e-4)
    printed = Comparison(0.0, 0.1, 5, Source(0.1, 4, counted=True), 0.005, 0.5)
    assert math.isnan(printed.stands_to())


def test_a_decision_stands_up_to_that_ratio_and_not_beyond() -> None:
    ratio = comparison().stands_to()
    for theirs, relation in ((0.999 * ratio * 0.1, "within"), (1.001 * ratio * 0.1, "open")):
        of = Source(theirs, 1, counted=False)
        assert Comparison(0.0, 0.1, 5, of, 0.005, 0.5).relation == relation


def test_the_seeds_it_takes_do_decide_and_fewer_do_not() -> None:
    for difference, theirs in ((0.3, 50), (0.1, 7), (0.9, 50)):
        of = Source(0.4 / math.sqrt(theirs), theirs, counted=True)
        asked = Comparison(difference, 0.6, 3, of, 0.005, 0.5)
        needed = asked.seeds_needed()
        assert needed is not None and needed > 3
        assert [Comparison(difference, 0.6, n, of, 0.005, 0.5).relation == "open" for n in (needed - 1, needed)] == [
            True,
            False,
        ]
    undecidable = Comparison(0.1, 0.6, 5, Source(None, 1, counted=False), 0.005, 0.5)
    assert undecidable.seeds_needed() is None  # one run of theirs that scatters by .9


def test_the_printed_value() -> None:
    # One sample: t(.95, 4) · .1/√5 + .005 = .1003
    found = {gap: comparison(gap).printed for gap in (0.0, 0.399, 0.41, 0.59, 0.61, -0.61)}
    assert list(found.values()) == ["within", "within", "open", "open", "above", "below"]


@given(st.floats(-3, 3), st.floats(0.01, 3), st.integers(5, 40), st.floats(0.01, 3))
def test_more_uncertainty_never_turns_a_verdict_round(gap: float, std: float, n: int, delta: float) -> None:
    of = Source(None, 3, counted=False)
    one, wider = (Comparison(gap, each, n, of, 0.005, delta).relation for each in (std, 2 * std))
    assert wider in (one, "open")
    mirrored = {"above": "below", "below": "above"}
    assert Comparison(-gap, std, n, of, 0.005, delta).relation == mirrored.get(one, one)

"""Figures over cells: by hand, and how often their intervals hold the truth."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bench.statistics import bootstrap


def test_interquartile_mean_by_hand() -> None:
    # of eight values two are cut at each end: (2 + 3 + 4 + 5)/4, however far out the others lie
    assert bootstrap.iqm(np.array([1.0, 6, 3, 4, 5, 2, 700, -80])) == 3.5
    assert bootstrap.iqm(np.array([[1.0, 2, 3, 4], [5, 5, 5, 5]])).tolist() == [2.5, 5.0]
    assert bootstrap.iqm(np.array([7.0])) == 7


def test_draws_stay_in_their_cell_and_are_one_short() -> None:
    first, second = bootstrap.draws([[1, 2, 3], [10, 20]], "a")
    assert (first.shape, second.shape) == ((bootstrap.DRAWS, 2), (bootstrap.DRAWS, 1))
    assert set(first.ravel()) == {1, 2, 3}
    assert set(second.ravel()) == {10, 20}


def test_the_variance_of_a_drawn_mean_is_that_of_the_mean() -> None:
    (drawn,) = bootstrap.draws([[1.0, 2.0, 6.0]], "a")
    assert drawn.mean(-1).var() == pytest.approx(7 / 3, rel=0.05)  # s²/n = 7/3; drawing all three would give 14/9


def test_draws_depend_on_what_they_are_for() -> None:
    cells = [[1.0, 2.0, 3.0]]
    assert bootstrap.draws(cells, "a")[0].tolist() == bootstrap.draws(cells, "a")[0].tolist()
    assert bootstrap.draws(cells, "a")[0].tolist() != bootstrap.draws(cells, "b")[0].tolist()


def test_one_seed_says_nothing_of_others() -> None:
    with pytest.raises(ValueError, match="two values"):
        bootstrap.draws([[1.0, 2.0], [3.0]], "a")


def test_probability_of_improvement_by_hand() -> None:
    # cell 1: of 2 × 2 pairs 3 are won and 1 is a tie: 7/8; cell 2: all are lost; the mean over cells is 7/16
    ours, theirs = [np.array([2.0, 3.0]), np.array([0.0])], [np.array([1.0, 2.0]), np.array([5.0, 6.0])]
    assert bootstrap.improvement(ours, theirs) == pytest.approx(7 / 16)
    assert bootstrap.improvement(theirs, ours) == pytest.approx(9 / 16)


def test_p_value_by_hand() -> None:
    drawn = np.array([-1.0, 1.0] * 50)  # standard error 1: t = 2.2281 with 10 degrees is 5 % in every table
    assert bootstrap.p_value(2.2281, drawn, 10) == pytest.approx(0.05, abs=1e-5)
    assert bootstrap.p_value(0.0, np.zeros(5), 4) == 1
    assert bootstrap.p_value(0.1, np.zeros(5), 4) == 0


def test_percentiles_are_those_of_the_drawn_with_many_degrees() -> None:
    drawn = np.linspace(0, 100, 10_001)
    assert bootstrap.percentiles(drawn, 1e9) == pytest.approx((2.5, 97.5), abs=0.01)
    # t(0.025, 4) = −2.7764, and the normal distribution has 0.275 % below that
    assert bootstrap.percentiles(drawn, 4) == pytest.approx((0.275, 99.725), abs=0.01)


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    rng = np.random.default_rng(0)
    centres = np.linspace(-10, 0, 6)[:, None]
    truth = np.mean([bootstrap.iqm((centres + rng.normal(size=(6, 3))).ravel()) for _ in range(2000)])
    held = 0
    for turn in range(150):
        cells = centres + rng.normal(size=(6, 3))
        drawn = bootstrap.iqm(np.concatenate(bootstrap.draws(cells.tolist(), str(turn)), axis=-1))
        low, high = bootstrap.percentiles(drawn, 12)
        held += low <= truth <= high
    assert held / 150 == pytest.approx(0.95, abs=0.04)


def test_clusters_are_drawn_whole() -> None:
    # Twenty copies of a value are one observation: its interval is as wide as that of the value alone.
    groups = [[1.0], [2.0], [3.0], [4.0], [5.0]]
    copied = [group * 20 for group in groups]
    assert bootstrap.clusters(copied, "a") == bootstrap.clusters(groups, "a")
    low, high = bootstrap.clusters(groups, "a")
    assert 1 <= low < 2
    assert 4 < high <= 5


def test_intervals_over_clusters_hold_the_truth() -> None:
    rng = np.random.default_rng(0)
    held = 0
    for turn in range(300):
        groups = [(rng.normal() + 0.5 * rng.normal(size=rng.integers(1, 5))).tolist() for _ in range(10)]
        low, high = bootstrap.clusters(groups, str(turn))
        held += low <= 0 <= high
    assert held / 300 == pytest.approx(0.95, abs=0.04)


def test_few_clusters_have_no_interval() -> None:
    assert all(map(math.isnan, bootstrap.clusters([[1.0, 2.0, 3.0]] * 4, "a")))
    assert all(map(math.isnan, bootstrap.clusters([], "a")))

"""Where methods stand, seen from the best of a column: by hand, and how often it errs."""

from __future__ import annotations

import numpy as np
import pytest

from bench.statistics import ranking
from bench.statistics.standing import Place, Standing, seeds_needed, standings

BEST = [92.0, 92.1, 92.2]


def places(best: list[float], rivals: list[list[float]], margin: float | None) -> list[Place]:
    return [each.place for each in standings(best, rivals, margin)]


def test_three_words_by_hand() -> None:
    # Standard error of a difference: .1·√(2/3) = .08165, with 4 degrees, t(.95, 4) = 2.1318: an interval of ± .174.
    assert places(BEST, [[91.9, 92.0, 91.8]], 0.5) == [Place.WITHIN]  # .2 + .174 < .5
    assert places(BEST, [[91.7, 91.8, 91.6]], 0.5) == [Place.WORSE]  # .4 below: t = 4.9, p = .008; .4 + .174 > .5
    assert places(BEST, [[93.0, 91.0, 91.4]], 0.5) == [Place.OPEN]
    assert places(BEST, [[60.0, 70.0, 80.0]], 0.5) == [Place.OPEN]  # 22 below, and not certain: no tie
    # Certainly lower, and certainly by less than the margin: that it is lower does not matter.
    assert places(BEST, [[91.7, 91.8, 91.6]], 1.0) == [Place.WITHIN]


def test_without_a_margin_nothing_is_within() -> None:
    assert places(BEST, [BEST, [91.7, 91.8, 91.6]], None) == [Place.OPEN, Place.WORSE]


def test_values_without_spread() -> None:
    assert places([92.0] * 3, [[92.0] * 3, [91.0] * 3, [91.5] * 3], 0.5) == [Place.WITHIN, Place.WORSE, Place.WORSE]


def test_correction_makes_a_difference_open() -> None:
    rival = [91.6, 91.8, 91.7]  # t = 4.9 with 4 degrees: p = .008
    assert places(BEST, [rival], 0.5) == [Place.WORSE]
    assert places(BEST, [rival] + [[60.0, 70.0, 80.0]] * 9, 0.5)[0] == Place.OPEN  # .08


def test_an_open_place_says_how_many_seeds_would_tell() -> None:
    best, rival = [92.0, 92.4, 92.8], [91.6, 92.0, 92.4]  # .4 apart, standard deviations of .4
    (found,) = standings(best, [rival], 0.3)
    assert found.place is Place.OPEN and found.seeds is not None
    # two-sided at 5 %: .4 > t(.975, 2n − 2) · .4·√(2/n), so t < √(n/2): 2.1199 > 2.1213 is first so at n = 9 (t 2.1199)
    assert found.seeds == 9
    assert seeds_needed(best, rival, 0.3, 5) is not None and (seeds_needed(best, rival, 0.3, 5) or 0) > 9
    assert seeds_needed([92.0], [91.0], 0.5, 1) is None
    assert standings(best, [[92.0]], 0.5) == [Standing(Place.OPEN)]


@pytest.mark.parametrize("methods", [2, 10])
def test_the_truly_best_is_seldom_called_worse(methods: int) -> None:
    rng = np.random.default_rng(1)
    lost = 0
    for _ in range(400):
        values = rng.normal(size=(methods, 3)).tolist()  # all are equal, so method 0 is truly best, too
        top = max(range(methods), key=lambda one: sum(values[one]))
        others = [one for one in range(methods) if one != top]
        found = places(values[top], [values[one] for one in others], None)
        lost += any(one == 0 and place is Place.WORSE for one, place in zip(others, found, strict=True))
    assert lost / 400 <= ranking.LEVEL


def test_a_method_a_margin_below_is_seldom_called_within() -> None:
    rng = np.random.default_rng(2)
    drawn = rng.normal(size=(2000, 2, 5)) * 0.1
    found = [places((one[0] + 0.5).tolist(), [one[1].tolist()], 0.5)[0] for one in drawn]
    assert 0.03 < found.count(Place.WITHIN) / 2000 < 0.065  # 5 %, three standard errors are 1.5 %

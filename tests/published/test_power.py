"""How often a comparison decides, and what is assumed of seeds before anything has run."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from bench.published import Published, Row
from bench.published.power import ASSUMED, fewest, power, prospect, scatter
from bench.published.rule import Source, half_width
from tests.published.test_obstacles import PROTOCOL
from tests.published.test_verdict import row


def published(*rows: Row) -> Published:
    return Published(rows, {"p": PROTOCOL})


@pytest.mark.parametrize(
    ("n", "runs", "sigma", "expected"),
    # No spread printed: simulated by benchmarks/verdicts.py (100,000 draws), in units of a margin of 1.
    [(5, 1, 0.2, 0.781), (5, 1, 0.3, 0.323), (20, 1, 0.3, 0.508), (5, 3, 0.4, 0.509), (20, 3, 0.4, 0.856)],
)
def test_power_is_that_of_the_simulation(n: int, runs: int, sigma: float, expected: float) -> None:
    assert power(sigma, n, Source(None, runs, counted=False), 0.0, 1.0) == pytest.approx(expected, abs=0.006)


def test_power_against_a_printed_spread_by_drawing() -> None:
    of, rng = Source(0.1, 3, counted=True), np.random.default_rng(1)
    ours = 0.3 * rng.standard_normal((50_000, 5))
    difference = ours.mean(1) - 0.1 * rng.standard_normal(50_000)
    drawn = np.abs(difference) + half_width(ours.std(1, ddof=1), 5, of, 0.05) <= 0.7
    assert power(0.3, 5, of, 0.05, 0.7) == pytest.approx(drawn.mean(), abs=0.008)


PRINTED: dict[str, Any] = {"std_kind": "std", "n_seeds": 3}


def test_what_seeds_probably_scatter_by() -> None:
    asked = row(id="asked")
    others = [row(id=f"b{std}", std=std, sparsity=0.5, **PRINTED) for std in (0.1, 0.2, 0.4)]
    elsewhere = [row(id=f"c{std}", std=std, architecture="vgg", **PRINTED) for std in (0.5, 0.6, 0.7)]
    assert scatter(published(asked), row(std=0.3, **PRINTED), 0.5).std == 0.3
    assert scatter(published(asked, *others, *elsewhere), asked, 0.5).std == 0.2
    assert scatter(published(asked, *others[:2], *elsewhere), asked, 0.5).std == 0.5  # of .1 .2 .5 .6 .7
    assert scatter(published(asked), asked, 0.5).std == ASSUMED * 0.5
    unread = [each.model_copy(update={"verified": "unverified"}) for each in others]
    beyond = [each.model_copy(update={"sparsity": 0.99}) for each in others]
    cifar100 = [each.model_copy(update={"dataset": "cifar100"}) for each in others]
    unknown = [each.model_copy(update={"std_kind": "unknown"}) for each in others]
    for unlike in (unread, beyond, cifar100, unknown):
        assert scatter(published(asked, *unlike), asked, 0.5).basis == "0.3 of the margin, which is assumed"


def test_the_fewest_seeds_that_decide() -> None:
    steady, loose = row(std=0.1, **PRINTED), row(std=0.6, **PRINTED)
    assert prospect(published(steady), steady).seeds == 3
    assert prospect(published(loose), loose).seeds is None
    unprinted = row(n_seeds=3)  # .15 is assumed: 5 seeds have a power of .83
    assert prospect(published(unprinted), unprinted).seeds == 5
    guessing = row(value=11.0, std=0.1, **PRINTED)
    assert prospect(published(guessing), guessing).seeds is None  # at chance level nothing is reproduced
    found = [prospect(published(each), each) for each in (steady, loose, unprinted)]
    assert fewest(found) == 5 and fewest(found[1:2]) is None
    assert [each.decided(4) for each in found] == [True, False, False]
    assert [each.decided(5) for each in found] == [True, False, True]


def test_power_is_a_probability() -> None:
    values = [power(std, n, Source(None, 1, counted=False), 0.005, 0.5) for std in (0.01, 0.2, 5.0) for n in (5, 20)]
    assert all(0 <= value <= 1 and not math.isnan(value) for value in values)
    assert values[0] == pytest.approx(1) and values[-1] == 0

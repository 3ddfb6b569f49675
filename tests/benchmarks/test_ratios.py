"""Ratios of things run in turn, by hand."""

from types import SimpleNamespace

import pytest

from benchmarks.ratios import Ratio, compare, of_pairs


class Rounds:
    """Runs what pytest-benchmark would."""

    def __init__(self):
        self.extra_info = {}

    def pedantic(self, function, setup, rounds, warmup_rounds):
        for _ in range(warmup_rounds + rounds):
            setup()
            function()


def test_the_median_of_the_pairs_and_not_the_pair_of_the_medians():
    pairs = [(1.0, 1.0), (4.0, 2.0), (30.0, 10.0)]
    assert of_pairs("a", "b", pairs, None, "lower").ratio == 2.0


def test_speeds_are_the_inverse_of_times():
    found = of_pairs("a", "b", [(2.0, 1.0), (2.0, 1.0), (2.0, 3.0)], 0.97, "higher")
    assert (found.ratio, found.met) == (0.5, False)


def test_a_single_pair_has_no_spread():
    found = of_pairs("a", "b", [(3.0, 2.0)], 1.6, "lower")
    assert (found.ratio, found.low, found.high, found.met) == (1.5, 1.5, 1.5, True)


@pytest.mark.parametrize(("better", "ratio", "met"), [("lower", 1.04, False), ("lower", 1.03, True)])
def test_a_target_is_met_or_not_to_the_last_digit(better, ratio, met):
    assert Ratio("a", "b", ratio, ratio, ratio, 1.03, better).met is met


def test_both_are_run_in_turn_and_the_warm_up_does_not_count():
    ran = []
    clock = SimpleNamespace(now=0.0)

    def takes(name, seconds):
        def work():
            ran.append(name)
            clock.now += seconds if len(ran) > 2 else 100 * seconds

        return work

    benchmark = Rounds()
    compare(
        *(benchmark, "a", takes("a", 3.0), "b", takes("b", 2.0)),
        target=None,
        rounds=2,
        clock=lambda: clock.now,
    )
    assert ran == ["b", "a"] * 3
    assert benchmark.extra_info["ratio"] == benchmark.extra_info["high"] == 1.5


def test_what_a_function_returns_is_its_cost():
    benchmark = Rounds()
    found = compare(benchmark, "a", lambda: 30, "b", lambda: 20, target=1.2, rounds=1, warm_up=0)
    assert (found.ratio, found.met) == (1.5, False)

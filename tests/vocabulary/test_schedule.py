"""Schedules against values worked out by hand."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.errors import UserError
from bench.recipe.phase import Phase
from bench.schedule import (
    AtInit,
    Cosine,
    Cubic,
    Doubling,
    EndOfEpoch,
    Exponential,
    Listed,
    Never,
    OneShot,
    Periodic,
    Timeline,
)

HUNDRED = Timeline(steps=100, drops=(0.5, 0.75))


def fired(schedule, timeline=HUNDRED):
    return [step for step in range(timeline.steps) if schedule.fires(step, timeline)]


def test_positions_are_fractions_or_names_of_drops():
    assert [HUNDRED.at(p) for p in (0.25, "first_drop", "second_drop", "last_drop", "end")] == [25, 50, 75, 75, 100]


def test_a_timeline_knows_the_drops_of_a_phase():
    phase = Phase(epochs=160, lr=0.1, schedule="multistep", milestones=(80, 120))
    assert Timeline.of(phase, 640).drops == (0.5, 0.75)


def test_a_missing_drop_is_one_clear_sentence():
    with pytest.raises(UserError, match=r"'second_drop' of the learning rate, but this phase has 1 drop"):
        Timeline(100, drops=(0.5,)).at("second_drop")
    with pytest.raises(UserError, match="'third_drop' is no position"):
        HUNDRED.at("third_drop")


def test_constant_one_shot_and_never():
    assert fired(AtInit()) == fired(OneShot()) == [0]
    assert fired(Never()) == []
    assert OneShot().sparsity(0, 0.9, HUNDRED) == 0.9


def test_periodic_is_a_half_open_interval():
    assert fired(Periodic(every=20, until=0.6)) == [0, 20, 40]
    assert Periodic(every=20).sparsity(40, 0.9, HUNDRED) == 0.9


def test_listed_positions_scale_and_are_counted():
    schedule = Listed((0.0, 0.05, 0.5, 0.504))
    assert fired(schedule) == [0, 5, 50]
    assert fired(schedule, Timeline(steps=1000)) == [0, 50, 500, 504]
    assert [schedule.passed(step, HUNDRED) for step in (0, 4, 5, 49, 50, 99)] == [1, 1, 2, 2, 4, 4]


def test_cubic_start_middle_end():
    ramp = Cubic(every=10, start=0.2, until=0.6)
    # s(t) = s_f (1 − (1 − (t − 20)/40)³): nothing at 20, 1 − 1/8 = 7/8 of the way at 40, all of it at 60.
    assert ramp.sparsity(20, 0.8, HUNDRED) == pytest.approx(0.0)
    assert ramp.sparsity(40, 0.8, HUNDRED) == pytest.approx(0.8 * 7 / 8)
    assert ramp.sparsity(60, 0.8, HUNDRED) == 0.8
    assert ramp.sparsity(5, 0.8, HUNDRED) == pytest.approx(0.0)
    assert ramp.sparsity(99, 0.8, HUNDRED) == 0.8
    assert fired(ramp) == [20, 30, 40, 50, 60]


def test_cubic_from_an_initial_sparsity():
    # s_i + (s_f − s_i)(1 − (1/2)³) = 0.4 + 0.4 · 7/8 = 0.75
    assert Cubic(initial=0.4, until=0.5).sparsity(25, 0.8, HUNDRED) == pytest.approx(0.75)


def test_dpf_updates_at_t_plus_1_divisible_by_16_and_once_at_the_end_of_the_ramp():
    assert fired(Cubic(every=16, offset=15, until="second_drop")) == [15, 31, 47, 63, 75]


def test_a_ramp_to_the_end_meets_its_target_in_the_last_step():
    ramp = Cubic(every=7)
    assert fired(ramp)[-1] == 99
    assert ramp.sparsity(99, 0.9, HUNDRED) == 0.9


@given(st.integers(2, 400), st.integers(1, 60), st.floats(0, 0.4), st.floats(0.5, 1), st.floats(0.01, 0.99))
def test_a_cubic_ramp_never_falls_and_always_arrives(steps, every, start, until, target):
    timeline = Timeline(steps)
    ramp = Cubic(every=every, start=start, until=until)
    values = [ramp.sparsity(step, target, timeline) for step in range(steps) if ramp.fires(step, timeline)]
    assert values == sorted(values)
    assert values[-1] == target


def test_the_exponential_ramp_keeps_a_constant_fraction_per_step():
    # Keeping 1 % in two steps: 10 %, then 1 %.
    assert list(Exponential(2).ramp(0.99)) == pytest.approx([0.9, 0.99])
    assert list(Exponential(1).ramp(0.99)) == [0.99]


def test_the_cosine_drop_fraction():
    cosine = Cosine(0.3)
    assert cosine.fraction(0, 100) == pytest.approx(0.3)
    assert cosine.fraction(50, 100) == pytest.approx(0.15)
    assert cosine.fraction(25, 100) == pytest.approx(0.15 * (1 + math.sqrt(0.5)))
    assert cosine.fraction(100, 100) == 0.0


def test_impossible_schedules_are_refused():
    with pytest.raises(UserError, match="'every' is 0; it must be at least 1"):
        Periodic(every=0).check(HUNDRED)
    with pytest.raises(UserError, match="starts at step 60, which is not before its end at step 50"):
        Cubic(start=0.6, until="first_drop").check(HUNDRED)


def test_a_ramp_that_reselects_goes_on_in_step_at_the_final_sparsity():
    ramp = Cubic(every=16, offset=15, until="second_drop", reselect=True)
    assert fired(ramp) == [15, 31, 47, 63, 75, 79, 95]
    assert [ramp.sparsity(step, 0.9, HUNDRED) for step in (79, 95)] == [0.9, 0.9]


def test_a_period_that_doubles():
    # Every 10 up to 30, every 20 up to 60, then every 40, below 90; never at the start itself.
    assert fired(Doubling(every=10, at=(0.3, 0.6), until=0.9)) == [10, 20, 40, 80]


def test_between_epochs():
    assert fired(EndOfEpoch(), Timeline(steps=40, epoch=10)) == [10, 20, 30]


def test_the_cosine_may_end_above_zero():
    assert [Cosine(0.5, 0.005).fraction(step, 100) for step in (0, 50, 100)] == pytest.approx([0.5, 0.2525, 0.005])

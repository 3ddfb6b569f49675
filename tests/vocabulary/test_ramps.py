"""Ramps against values worked out by hand, and masks that are approached in rounds."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bench import catalog
from bench.allocation import Global
from bench.errors import Collapsed, UserError
from bench.masks import Masks
from bench.schedule import Exponential, Linear
from bench.structure import Weights


def test_exponential_keeps_a_constant_fraction_per_round():
    assert list(Exponential(3).ramp(0.875)) == pytest.approx([0.5, 0.75, 0.875])  # kept: 1/2, 1/4, 1/8


def test_linear_removes_equally_many_per_round():
    assert list(Linear(4).ramp(0.8)) == pytest.approx([0.2, 0.4, 0.6, 0.8])


@given(st.sampled_from([Exponential, Linear]), st.integers(1, 300), st.floats(0, 0.9999))
def test_a_ramp_rises_and_ends_exactly_at_its_target(kind, steps, target):
    values = list(kind(steps).ramp(target))
    assert len(values) == steps
    assert values[:-1] == sorted(values[:-1])
    assert values[-1] == target


def test_a_ramp_needs_a_round():
    with pytest.raises(UserError, match=r"force\[ramp\.steps\] has to be from 1 to 100,000, not 0\."):
        catalog.create("force", {"ramp.steps": 0})


def test_a_ramp_is_chosen_by_name():
    assert catalog.create("force", {"ramp": "linear", "ramp.steps": 7}).ramp == Linear(7)
    assert catalog.create("synflow", {"ramp": "linear[steps=9]"}).ramp == Linear(9)
    with pytest.raises(UserError, match="'cubic' is unknown; there are exponential, linear"):
        catalog.create("force", {"ramp": "cubic"})


def eight() -> Masks:
    return Masks({"w": torch.zeros(8)}, Global(), Weights())


SCORES = {"w": torch.tensor([5.0, 4.0, 3.0, 2.0, 1.0, 0.0, 0.0, 0.0])}


def test_on_the_way_to_a_target_weights_without_a_score_go_first():
    masks = eight()
    masks.keep(SCORES, 0.25, target=0.5)  # asked for are 6, singled out 5, and the target wants 4
    assert masks["w"].tolist() == [1, 1, 1, 1, 1, 0, 0, 0]


def test_too_few_scores_for_the_target_are_a_collapse_in_the_first_round_already():
    with pytest.raises(Collapsed, match="only 5 saliencies in w are not 0, 6 needed"):
        eight().keep(SCORES, 0.125, target=0.25)


def test_among_scores_of_both_signs_zero_is_one_like_any_other():
    masks = eight()
    masks.keep({"w": torch.tensor([5.0, 4.0, 0.0, -2.0, 0.0, -3.0, 0.0, 1.0])}, 0.125)
    assert masks["w"].tolist() == [1, 1, 1, 1, 1, 0, 1, 1]

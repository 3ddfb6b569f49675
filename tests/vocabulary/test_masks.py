"""Masks: exact counts, drop and grow, collapse."""

import pytest
import torch

from bench.allocation import Global, Uniform
from bench.errors import Collapsed
from bench.masks import Masks
from bench.structure import NM, Filters, Weights
from bench.tensors import NamedTensors


def masks_for(weights, allocation=None, structure=None):
    return Masks(weights, allocation or Global(), structure or Weights())


@pytest.fixture
def weights():
    return NamedTensors(a=torch.tensor([[4.0, -1.0], [2.0, 3.0]]), b=torch.tensor([[0.5, -6.0]]))


def test_global_magnitude_by_hand(weights):
    masks = masks_for(weights)
    masks.keep(weights.abs(), 0.5)  # the largest three of 4 1 2 3 0.5 6
    assert masks["a"].tolist() == [[1, 0], [0, 1]]
    assert masks["b"].tolist() == [[0, 1]]
    assert masks.sparsity() == 0.5
    assert masks.deviation(0.5) == (0, "2 layers together")


def test_uniform_magnitude_by_hand(weights):
    masks = masks_for(weights, Uniform())
    masks.keep(weights.abs(), 0.5)
    assert masks["a"].tolist() == [[1, 0], [0, 1]]
    assert masks["b"].tolist() == [[0, 1]]
    assert masks.kept() == {"a": 2, "b": 1}


def test_pruned_weights_may_come_back(weights):
    masks = masks_for(weights)
    masks.keep(weights.abs(), 0.5)
    masks.keep(-weights, 0.5)  # now the smallest are wanted: −1, 0.5 and −6
    assert masks["a"].tolist() == [[0, 1], [0, 0]]


def test_drop_takes_kept_weights_only_and_grow_takes_removed_ones(weights):
    masks = masks_for(weights)
    masks["a"].copy_(torch.tensor([[1, 0], [1, 1]]))
    masks.drop(lowest=weights.abs(), n={"a": 1, "b": 0})  # kept: 4 2 3 → drop 2
    assert masks["a"].tolist() == [[1, 0], [0, 1]]
    masks.grow(highest=NamedTensors(a=torch.tensor([[9.0, 1.0], [2.0, 9.0]]), b=torch.zeros(1, 2)), n={"a": 1, "b": 0})
    assert masks["a"].tolist() == [[1, 0], [1, 1]]  # what was just dropped was the best candidate


def test_a_zero_threshold_is_a_collapse_and_never_a_silent_unpruning(weights):
    dead = NamedTensors(a=torch.zeros(2, 2), b=torch.tensor([[1.0, 0.0]]))
    with pytest.raises(Collapsed, match="only 1 saliencies in 2 layers together are not 0, 3 needed"):
        masks_for(weights).keep(dead, 0.5)


def test_saliencies_that_are_not_finite_are_a_collapse(weights):
    broken = NamedTensors(a=torch.tensor([[1.0, torch.nan], [1.0, 1.0]]), b=torch.ones(1, 2))
    with pytest.raises(Collapsed, match="not finite"):
        masks_for(weights).keep(broken, 0.5)


def test_keeping_everything_needs_no_saliency(weights):
    masks = masks_for(weights)
    masks.keep(NamedTensors(a=torch.zeros(2, 2), b=torch.zeros(1, 2)), 0.0)
    assert masks.sparsity() == 0


def test_filters_stand_or_fall_together():
    weights = NamedTensors(conv=torch.stack([torch.full((2, 3, 3), v) for v in (1.0, 3.0, 2.0, 0.5)]))
    masks = masks_for(weights, structure=Filters())
    masks.keep(weights.abs(), 0.5)
    assert masks["conv"][:, 0, 0, 0].tolist() == [0, 1, 1, 0]
    assert masks["conv"].sum() == 2 * 18
    assert masks.deviation(0.5)[0] == 0


def test_two_of_four():
    weights = NamedTensors(fc=torch.tensor([[1.0, 4.0, 3.0, 2.0, 8.0, 5.0, 7.0, 6.0]]))
    masks = masks_for(weights, structure=NM(2, 4))
    masks.keep(weights.abs(), 0.5)
    assert masks["fc"].tolist() == [[0, 1, 1, 0, 1, 0, 1, 0]]


def test_deviation_names_the_group_that_misses_most(weights):
    masks = masks_for(weights, Uniform())
    masks["a"].zero_()
    assert masks.deviation(0.5) == (2, "a")


def test_the_digest_follows_the_masks(weights):
    masks = masks_for(weights)
    before = masks.digest()
    masks.keep(weights.abs(), 0.5)
    assert masks.digest() != before


def test_an_allocation_to_begin_with_has_the_total_of_the_method_s_own(weights):
    masks = masks_for(weights)
    # Uniform alone would keep round(4 · 0.25) = 1 and round(2 · 0.25) = 0; the global total is round(6 · 0.25) = 2.
    masks.keep(weights.abs(), 0.75, allocation=Uniform())
    assert masks["a"].tolist() == [[1, 0], [0, 1]]
    assert masks["b"].tolist() == [[0, 0]]


def pinned_masks(weights, a, b, allocation=None):
    masks = masks_for(weights, allocation)
    masks.pinned = {"a": torch.tensor(a).bool(), "b": torch.tensor(b).bool()}
    return masks


def test_what_is_pinned_takes_a_place_whatever_its_score(weights):
    masks = pinned_masks(weights, [[0, 1], [0, 0]], [[1, 0]])
    masks.keep(weights.abs(), 0.5)  # three of 4 (1) 2 3 (0.5) 6: the two pinned and the 6
    assert masks["a"].tolist() == [[0, 1], [0, 0]]
    assert masks["b"].tolist() == [[1, 1]]


def test_a_layer_with_more_pinned_than_its_share_takes_from_the_others(weights):
    masks = pinned_masks(weights, [[1, 1], [1, 0]], [[0, 0]], Uniform())
    masks.keep(weights.abs(), 0.5)  # shares 2 and 1; three are pinned in the first layer, so none is left
    assert masks.kept() == {"a": 3, "b": 0}


def test_what_cannot_be_dropped_is_not_grown(weights):
    masks = pinned_masks(weights, [[1, 0], [1, 0]], [[0, 0]])
    masks["a"].copy_(torch.tensor([[1, 0], [1, 1]]))
    masks["b"].copy_(torch.tensor([[1, 0]]))
    masks.drop(lowest=weights.abs(), n={"a": 2, "b": 1})  # only the 3 is not pinned
    assert masks["a"].tolist() == [[1, 0], [1, 0]]
    assert masks["b"].tolist() == [[0, 0]]
    masks.grow(highest=weights.abs(), n={"a": 2, "b": 1})  # one in each, as many as were dropped
    assert masks["a"].tolist() == [[1, 0], [1, 1]]
    assert masks["b"].tolist() == [[0, 1]]
    masks.drop(lowest=weights.abs(), n={"a": 2, "b": 1})
    masks.grow(highest=weights.abs(), n={"a": 0, "b": 3})  # moved to the other layer: two of three are wanted there
    assert masks.kept() == {"a": 2, "b": 2}

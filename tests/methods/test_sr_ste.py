"""SR-STE by hand, and its groups on ResNet-20.

The network: one layer, x = (1, 2, 1, 1), label 1, 2:4, λ = 0.1, SGD of rate 1:

    W = [[0.5, −1, 0.25, 2], [1, 0.1, −0.2, 0.3]],  mask = [[0, 1, 0, 1], [1, 0, 0, 1]],  logits = (0, 1.3)
    q = softmax(logits)₀ = 1 / (1 + e^1.3) = 0.214…,  ∂L/∂(mask · W) = (q, −q)ᵀ xᵀ, which all of W gets;
    unused weights get λ w besides:  G = [[q + 0.05, 2q, q + 0.025, q], [−q, −2q + 0.01, −q − 0.02, −q]]
    W − G = [[0.236, −1.428, 0.011, 1.786], [1.214, 0.518, 0.034, 0.514]]: in row 1 the weight 0.1 takes 0.3's place.
"""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from bench import catalog
from bench.errors import UserError
from tests.methods.by_hand import linear, trainer_for
from tests.methods.test_rounds_on_resnet20 import real_run

WEIGHTS = [[0.5, -1.0, 0.25, 2.0], [1.0, 0.1, -0.2, 0.3]]
Q = 1 / (1 + math.exp(1.3))
GRADIENT = [[Q + 0.05, 2 * Q, Q + 0.025, Q], [-Q, -2 * Q + 0.01, -Q - 0.02, -Q]]


def prepared(point=0.5, decay=0.1, weights=WEIGHTS, recipe=None, **fields):
    method = catalog.create("sr_ste", {"decay": decay, **fields})
    images = [[1.0, 2.0, 1.0, 1.0][: len(weights[0])]]
    return trainer_for(method, linear(weights), images, [1], point, **(recipe or {}))


def flat(values):
    return [float(value) for row in values for value in row]


def test_a_step_moves_all_weights_and_an_unused_one_comes_back_with_its_value():
    trainer = prepared()
    run = trainer.run
    trainer._step(0)
    assert run.masks["0.weight"].tolist() == [[0, 1, 0, 1], [1, 0, 0, 1]]
    moved = [w - g for w, g in zip(flat(WEIGHTS), flat(GRADIENT), strict=True)]
    assert run.weights["0.weight"].flatten().tolist() == pytest.approx(moved)
    run.at(1)
    trainer._update(run.method.update_masks)
    assert run.masks["0.weight"].tolist() == [[0, 1, 0, 1], [1, 1, 0, 0]]
    assert run.weights["0.weight"].flatten().tolist() == pytest.approx(moved)  # nothing is zeroed under the mask
    used = torch.tensor([[0, moved[1], 0, moved[3]], [moved[4], moved[5], 0, 0]], dtype=torch.float64)
    image = torch.tensor([[1.0, 2.0, 1.0, 1.0]], dtype=torch.float64)
    assert torch.allclose(run.forward(image), image @ used.T)


def test_the_refinement_goes_through_momentum_and_keeps_it_for_a_revived_weight():
    trainer = prepared(recipe={"optimizer": {"momentum": 0.5, "weight_decay": 0.0}})
    run = trainer.run
    trainer._step(0)
    run.at(1)
    trainer._update(run.method.update_masks)  # 0.1 is revived, 0.3 is not used any more: both keep their momentum
    (buffer,) = (state["momentum_buffer"] for state in run.optimizer.state.values())
    assert buffer.flatten().tolist() == pytest.approx(flat(GRADIENT))


def test_weight_decay_acts_on_used_and_unused_weights():
    trainer = prepared(recipe={"optimizer": {"momentum": 0.0, "weight_decay": 0.01}})
    trainer._step(0)
    expected = [w - g - 0.01 * w for w, g in zip(flat(WEIGHTS), flat(GRADIENT), strict=True)]
    assert trainer.run.weights["0.weight"].flatten().tolist() == pytest.approx(expected)


def test_without_refinement_it_is_plain_straight_through():
    trainer = prepared(decay=0.0)
    trainer._step(0)
    x = [1, 2, 1, 1]
    expected = [w - g for w, g in zip(flat(WEIGHTS), [Q * v for v in x] + [-Q * v for v in x], strict=True)]
    assert trainer.run.weights["0.weight"].flatten().tolist() == pytest.approx(expected)


def test_the_choice_is_made_anew_in_every_step_at_constant_sparsity_and_once_more_at_the_end():
    trainer = prepared()
    schedule, timeline = trainer.run.method.schedule, trainer.run.timeline
    assert all(schedule.fires(step, timeline) for step in (0, 1, 5, 9))
    assert [schedule.sparsity(step, 0.5, timeline) for step in (0, 5, 9)] == [0.5, 0.5, 0.5]
    trainer.train()
    assert trainer.progress.mask_updates == 10
    weights, mask = trainer.run.weights["0.weight"].abs(), trainer.run.masks["0.weight"]
    assert (weights * mask).topk(2).values.tolist() == weights.topk(2).values.tolist()
    assert mask.sum(1).tolist() == [2, 2]
    kept = trainer.run.export()["0.weight"]
    assert torch.equal(kept, trainer.run.weights["0.weight"] * mask + 0.0)


@pytest.mark.parametrize(("point", "n"), [(0.0, 4), (0.25, 3), (0.5, 2), (0.75, 1)])
def test_n_follows_from_the_point(point, n):
    assert catalog.create("sr_ste", {}).kept(point) == n
    trainer = prepared(point)
    trainer._step(0)
    assert trainer.run.masks["0.weight"].sum(1).tolist() == [n, n]


@pytest.mark.parametrize(("m", "point", "n"), [(16, 0.9375, 1), (8, 0.5, 4), (10, 0.9, 1), (20, 0.95, 1), (1, 0.0, 1)])
def test_other_sizes_of_groups_have_other_points(m, point, n):
    assert catalog.create("sr_ste", {"m": m}).kept(point) == n


@pytest.mark.parametrize(
    ("m", "point", "sentence"),
    [
        (4, 0.9, "sr_ste[m=4] can't leave 0.9 of every 4 out; points are 0.25, 0.5, 0.75."),
        (2, 0.75, "sr_ste[m=2] can't leave 0.75 of every 2 out; points are 0.5."),
        (1, 0.5, "sr_ste[m=1] can't leave 0.5 of every 1 out; points are only 0."),
        (
            8,
            0.95,
            "sr_ste[m=8] can't leave 0.95 of every 8 out; points are 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875.",
        ),
    ],
)
def test_other_points_are_skipped_and_refused_with_one_sentence(m, point, sentence):
    method = catalog.create("sr_ste", {"m": m})
    assert method.skip(SimpleNamespace(points=(point,))) == sentence
    with pytest.raises(UserError) as error:
        method.kept(point)
    assert str(error.value) == sentence
    assert catalog.create("sr_ste", {}).skip(SimpleNamespace(points=(0.5,))) == ""


def test_groups_reach_over_to_the_next_output_where_they_must():
    # Rows of 3 in groups of 4, 1:4: (4, 1, 1 | 5), (1, 1 | 1, 6), (1 | 7, 1, 1). Each keeps its largest.
    trainer = prepared(0.75, weights=[[4.0, 1.0, 1.0], [5.0, 1.0, 1.0], [1.0, 6.0, 1.0], [7.0, 1.0, 1.0]])
    trainer._step(0)
    assert trainer.run.masks["0.weight"].tolist() == [[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 0, 0]]
    assert trainer.run.method.diagnostics(trainer.run) == {"layers_not_divisible": 1.0}
    assert prepared().run.method.diagnostics(prepared().run) == {"layers_not_divisible": 0.0}


def test_a_layer_whose_size_is_no_multiple_of_m_is_refused_by_name():
    trainer = prepared(weights=[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    with pytest.raises(UserError, match=r"take '0\.weight' out of 'prunable'; its size is no multiple of m"):
        trainer._step(0)


@pytest.mark.parametrize("axis", ["kernel", "channels"])
@pytest.mark.parametrize(("n", "m"), [(2, 4), (1, 16)])
def test_groups_on_a_resnet_equal_a_sort_in_numpy(axis, n, m):
    run = real_run("sr_ste", point=1 - n / m, m=m, axis=axis)
    run.method.update_masks(run)
    assert run.masks.deviation(1 - n / m)[0] == 0
    for name, weight in run.weights.items():
        values, mask = weight.abs().numpy(), run.masks[name].numpy()
        if axis == "channels" and values.ndim == 4:
            values, mask = values.transpose(0, 2, 3, 1), mask.transpose(0, 2, 3, 1)
        values, mask = values.reshape(-1, m), mask.reshape(-1, m)
        smallest_kept = np.sort(values, axis=1)[:, m - n]
        assert (mask.astype(bool) == (values >= smallest_kept[:, None])).all()
    stem_only = {"layers_not_divisible": 1.0}  # 3 · 3 · 3 = 27 inputs, or 3 channels
    assert run.method.diagnostics(run) == stem_only


def test_ties_go_to_the_earlier_weight():
    trainer = prepared(weights=[[1.0, -1.0, 1.0, 1.0], [0.0, 0.0, 0.0, 0.0]])
    trainer._step(0)
    assert trainer.run.masks["0.weight"].tolist() == [[1, 1, 0, 0], [1, 1, 0, 0]]

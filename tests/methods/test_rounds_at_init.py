"""FORCE, Iterative SNIP, GRASP-It, GraSP and SynFlow, worked out by hand; `test_rounds_on_resnet20` goes on.

The first network: x = (1, 2), W1 = [[1, 0], [0.5, −1]], W2 = [[1, −1], [0, 2]], label 1, no nonlinearity.

    h = W1 x = (1, −1.5);  logits = W2 h = (2.5, −3).  With the loss −(logit of the label): δ = (0, −1)
    ∂L/∂W2 = δ hᵀ = [[0, 0], [−1, 1.5]];  ∂L/∂h = W2ᵀ δ = (0, −2);  ∂L/∂W1 = (∂L/∂h) xᵀ = [[0, 0], [−2, −4]]

The second: x = (1, 1), W1 = [[3, −2.9], [2.95, 0]], W2 = [[0, 0], [1, 1]], label 1, the same loss: only W2's row 1 = v
counts, and scores are |a_ji x_i v_j| for W1 and |v_j h_j| for v:  W1 → [[3, 2.9], [2.95, 0]],  v → (0.1, 2.95).
Two rounds to 15 % of eight weights keep 8·√0.15 = 3.1, so 3, and then 1.2, so 1:

    round 1: a_11 (3), a_21 and v_2 (2.95 each). Now v_1 is gone, a_12 too, so h_1 = 3.
    round 2, FORCE:  a_11 = 0, a_12 = 0 (v_1 is cut), v_1 = |1 · 3| = 3, a_21 = v_2 = 2.95: v_1 comes back, alone.
    round 2, Iterative SNIP: v_1 = 0 as well, so a_21 or v_2 stays.
"""

import math
from itertools import pairwise

import pytest
import torch

from bench import catalog
from bench.errors import Collapsed
from tests.methods.by_hand import linear, trainer_for

FIRST = [[1.0, 0.0], [0.5, -1.0]], [[1.0, -1.0], [0.0, 2.0]]
SECOND = [[3.0, -2.9], [2.95, 0.0]], [[0.0, 0.0], [1.0, 1.0]]
ONE_PASS = {"parts": 1, "linear": "trained"}
"""GraSP with the weights that are trained, on a batch as a whole."""


def prepared(name, weights, images, point, **fields):
    return trainer_for(catalog.create(name, fields), linear(*weights), [images], [1], point)


def rounds(trainer):
    """The masks after each round."""
    run, seen = trainer.run, []
    keep = run.masks.keep
    run.masks.keep = lambda *scores, **goal: (keep(*scores, **goal), seen.append(run.masks.clone()))
    trainer._update(run.method.update_masks)
    return seen


def nested(seen):
    return all(bool((after[name] <= before[name]).all()) for before, after in pairwise(seen) for name in before)


@pytest.mark.parametrize(
    ("name", "first", "second"),
    [
        ("force", [[0, 0], [1, 4]], [[0, 0], [0, 3]]),
        ("iterative_snip", [[0, 0], [1, 4]], [[0, 0], [0, 3]]),
        ("grasp_it", [[0, 0], [4, 16]], [[0, 0], [1, 2.25]]),
    ],
)
def test_scores_under_the_loss_of_the_authors_code_which_is_the_default(name, first, second):
    trainer = prepared(name, FIRST, [1.0, 2.0], 0.5)
    scores = trainer.run.method.saliency(trainer.run)
    assert scores["0.weight"].tolist() == first
    assert scores["1.weight"].tolist() == second


def test_cross_entropy_is_an_option():
    trainer = prepared("force", FIRST, [1.0, 2.0], 0.5, loss="cross_entropy")
    p0 = 1 / (1 + math.exp(-5.5))  # as for SNIP, |W · ∂L/∂W| / p₀ = [[1, 0], [1.5, 6]]
    scores = trainer.run.method.saliency(trainer.run)
    assert scores["0.weight"].tolist() == [pytest.approx([p0, 0]), pytest.approx([1.5 * p0, 6 * p0])]


def test_force_brings_a_weight_back_with_its_initial_value():
    trainer = prepared("force", SECOND, [1.0, 1.0], 0.85, **{"ramp.steps": 2})
    before, after = rounds(trainer)
    assert before["0.weight"].tolist() == [[1, 0], [1, 0]]
    assert before["1.weight"].tolist() == [[0, 0], [0, 1]]
    assert after["0.weight"].tolist() == [[0, 0], [0, 0]]
    assert after["1.weight"].tolist() == [[0, 0], [1, 0]]
    assert trainer.run.weights["1.weight"].tolist() == [[0, 0], [1, 0]]
    assert not nested([before, after])


@pytest.mark.parametrize("name", ["iterative_snip", "grasp_it", "synflow"])
def test_masks_of_the_others_are_nested(name):
    seen = rounds(prepared(name, SECOND, [1.0, 1.0], 0.85, **{"ramp.steps": 2}))
    # Of eight, SynFlow removes 4.9 and then 6.8, so 4 and 6; the others keep 3.1 and 1.2.
    counts = [int(sum(mask.sum() for mask in masks.values())) for masks in seen]
    assert counts == ([4, 2] if name == "synflow" else [3, 1])
    assert nested(seen)


def test_force_scores_a_pruned_weight_by_its_dense_value_and_the_slope_at_zero():
    trainer = prepared("force", FIRST, [1.0, 2.0], 0.5, loss="cross_entropy")
    run = trainer.run
    run.masks["0.weight"][1, 1] = 0  # the −1

    def loss(value):
        weights = torch.tensor([[1.0, 0.0], [0.5, value]], dtype=torch.float64)
        logits = torch.tensor(FIRST[1], dtype=torch.float64) @ weights @ torch.tensor([1.0, 2.0], dtype=torch.float64)
        return float(-logits.log_softmax(0)[1])

    slope = (loss(1e-5) - loss(-1e-5)) / 2e-5
    assert run.method.saliency(run)["0.weight"][1, 1].item() == pytest.approx(abs(-1 * slope))


def test_every_round_sees_new_images():
    trainer = prepared("force", FIRST, [1.0, 2.0], 0.5, batches=2, loss="cross_entropy", **{"ramp.steps": 3})
    numbers, scoring = [], trainer.run.batches.scoring
    trainer.run.batches.scoring = lambda number, *keys: (numbers.append(number), scoring(number, *keys))[1]
    trainer.run.method.update_masks(trainer.run)
    assert numbers[:6] == [0, 1, 2, 3, 4, 5]
    assert not set(numbers[6:]) & set(numbers[:6])  # what the objective is measured on


@pytest.mark.parametrize("name", ["force", "iterative_snip", "grasp_it", "grasp", "synflow"])
def test_a_network_without_scores_collapses_and_is_not_left_dense_by_stealth(name):
    zeros = [[0.0, 0.0], [0.0, 0.0]]
    trainer = prepared(name, (zeros, zeros), [1.0, 2.0], 0.5, **(ONE_PASS if name == "grasp" else {}))
    with pytest.raises(Collapsed, match="only 0 saliencies in 2 layers together are not 0, 4 needed"):
        trainer.run.method.update_masks(trainer.run)


def test_what_is_revived_or_pruned_has_neither_value_gradient_nor_momentum_afterwards():
    trainer = prepared("force", FIRST, [1.0, 2.0], 0.5, loss="cross_entropy", **{"ramp.steps": 4})
    trainer.train()
    for name, mask in trainer.run.masks.items():
        assert not trainer.run.weights[name][mask == 0].any()
    assert int(sum(mask.sum() for mask in trainer.run.masks.values())) == 4


@pytest.mark.parametrize("temperature", [1.0, 200.0])
def test_grasp_scores_of_one_layer(temperature):
    # One layer W (2×2) on x = (1, 2), label 0, z = W x / T, p = softmax(z), q = p₁.
    # g = (p − y) xᵀ / T;  Hg = (diag p − p pᵀ)(g x) xᵀ / T²  with  g x = (−q, q) |x|² / T  and |x|² = 5:
    # Hg = 5 · p₀ q · 2q · (−1, 1) xᵀ / T³
    weights = [[0.5, -0.25], [0.25, 0.5]]  # W x = (0, 1.25)
    method = catalog.create("grasp", {"temperature": temperature} | ONE_PASS)
    trainer = trainer_for(method, linear(weights), [[1.0, 2.0]], [0], 0.5)
    q = 1 / (1 + math.exp(-1.25 / temperature))
    factor = 5 * (1 - q) * q * 2 * q / temperature**3
    scores = method.saliency(trainer.run)["0.weight"]
    assert scores.tolist() == [
        pytest.approx([-factor * 0.5, -2 * factor * -0.25], rel=1e-9, abs=0),
        pytest.approx([factor * 0.25, 2 * factor * 0.5], rel=1e-9, abs=0),
    ]
    # Removed are the highest −θ·Hg: −0.5 of the first row goes before 0.25 and 0.5 of the others.
    method.update_masks(trainer.run)
    assert trainer.run.masks["0.weight"].tolist() == [[0, 1], [0, 1]]


def test_a_hessian_product_is_the_slope_of_the_gradient():
    trainer = prepared("snip", FIRST, [0.3, 0.2], 0.5)
    run = trainer.run
    vector, exact = run.normal(), None
    exact = run.hessian_product(vector)
    shifted = []
    for sign in (1, -1):
        run.weights.copy_(run.weights + vector * (sign * 1e-5))
        shifted.append(run.gradients())
        run.weights.copy_(run.weights - vector * (sign * 1e-5))
    slope = (shifted[0] - shifted[1]) / 2e-5
    for name, value in exact.items():
        assert value.flatten().tolist() == pytest.approx(slope[name].flatten().tolist(), rel=1e-4, abs=1e-8)


def test_synflow_is_conserved_and_gives_pruned_weights_nothing():
    # |W1| 1 = (1, 1.5), the column sums of |W2| are (1, 3), R = 5.5.
    # W1: |w_ji| · column_j → [[1, 0], [1.5, 3]]; W2: |w_kj| h_j → [[1, 1.5], [0, 3]]; each sums to R.
    trainer = prepared("synflow", FIRST, [1.0, 2.0], 0.5)
    run = trainer.run
    assert run.method.saliency(run)["0.weight"].tolist() == [[1, 0], [1.5, 3]]
    assert run.method.saliency(run)["1.weight"].tolist() == [[1, 1.5], [0, 3]]
    run.masks["0.weight"][1, 0] = 0  # h₂ = 1, so R = 1 + 1 + 2 = 4
    assert run.method.saliency(run)["0.weight"].tolist() == [[1, 0], [0, 3]]
    assert run.method.saliency(run)["1.weight"].tolist() == [[1, 1], [0, 2]]

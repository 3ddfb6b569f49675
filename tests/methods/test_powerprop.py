"""Powerpropagation by hand: α = 2 makes the weights .25, −.04, .09, .01 of θ = .5, −.2, .3, .1.

x = (1, 2), label 1. Half of the weights stay, .25 and .09, so the logits are (.25, .09) and p₀ = σ(.16).

    ∂L/∂W = (p₀, −p₀) xᵀ = p₀ [[1, 2], [−1, −2]];  ∂L/∂θ = 2 |θ| ∂L/∂W = p₀ [[1, .8], [−.6, −.4]]
"""

import math

import pytest
import torch

from bench import catalog
from bench.errors import UserError
from tests.methods.by_hand import linear, trainer_for

P = 1 / (1 + math.exp(-0.16))


def after_a_step(of):
    model = linear([[0.25, -0.04], [0.09, 0.01]])
    trainer = trainer_for(catalog.create("powerprop", {"of": of}), model, [[1.0, 2.0]], [1], 0.5)
    trainer.run.at(0)
    trainer._update(trainer.run.method.on_train_start)
    trainer._step(0)
    return trainer.run


def test_theta_moves_by_the_gradient_of_the_power_and_what_is_pruned_is_gone():
    run = after_a_step("magnitude[schedule=atinit]")
    assert run.weights["0.weight"].tolist() == [pytest.approx([0.5 - P, 0]), pytest.approx([0.3 + 0.6 * P, 0])]
    kept = run.export()["0.weight"]
    assert kept.tolist() == [pytest.approx([-((P - 0.5) ** 2), 0]), pytest.approx([(0.3 + 0.6 * P) ** 2, 0])]


def test_with_topkast_weights_around_the_mask_move_by_the_same_rule():
    run = after_a_step("topkast[backward=0.0]")
    assert run.masks["0.weight"].tolist() == [[1, 0], [1, 0]]
    expected = [pytest.approx([0.5 - P, -0.2 - 0.8 * P]), pytest.approx([0.3 + 0.6 * P, 0.1 + 0.4 * P])]
    assert run.weights["0.weight"].tolist() == expected


@pytest.mark.parametrize("alpha", [1.0, 1.375, 3.0])
def test_forward_pass_initialisation_and_gradient_are_the_notebook_s(alpha):
    """A layer computes w · |w|^(α − 1), and starts at sign(u) · |u|^(1/α)."""
    drawn = torch.randn(5, 4, generator=torch.Generator().manual_seed(0)).double()
    method = catalog.create("powerprop", {"of": "magnitude[schedule=atinit]", "alpha": alpha})
    run = trainer_for(method, linear(drawn.tolist()), [[1.0, -2.0, 0.5, 3.0]], [2], 0.0).run
    run.method.on_train_start(run)
    theta = (drawn.sign() * drawn.abs() ** (1 / alpha)).requires_grad_()
    torch.testing.assert_close(run.weights["0.weight"], theta.detach())
    ours, theirs = run.method.effective(run)["0.weight"], theta * theta.abs() ** (alpha - 1)
    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(ours, drawn)
    upstream = torch.randn(5, 4, generator=torch.Generator().manual_seed(1)).double()
    (gradient,) = torch.autograd.grad((ours * upstream).sum(), run.parameters.tensors())
    torch.testing.assert_close(gradient, torch.autograd.grad((theirs * upstream).sum(), theta)[0])


def test_a_weight_at_zero_has_a_gradient_of_zero_under_every_power():
    for alpha in (1.375, 2.0):
        method = catalog.create("powerprop", {"of": "magnitude[schedule=atinit]", "alpha": alpha})
        run = trainer_for(method, linear([[0.0, 1.0], [1.0, 0.0]]), [[1.0, 2.0]], [1], 0.0).run
        run.loss(*run.batches.batch).backward()
        gradient = run.parameters["0.weight"].grad
        assert gradient[0, 0] == gradient[1, 1] == 0 and bool(torch.isfinite(gradient).all())


def test_the_dense_training_is_its_own_and_as_long_as_any():
    dense, pruned = catalog.create("powerprop", {}).stages((0.9,))
    assert (dense.name, dense.method, dense.phase, dense.sparsity) == ("pretrain", None, "train", 0)
    assert (pruned.parents, pruned.phase, pruned.yields) == (("pretrain",), None, (0.9,))


@pytest.mark.parametrize("of", ["snip", "rigl", "one_shot[of=l1_filter]", "magnitude[structure=filters]", ""])
def test_what_looks_at_more_than_magnitudes_is_one_sentence(of):
    with pytest.raises(UserError, match=r"^powerprop\[of\]: '.*' does not rank single weights by magnitude alone"):
        catalog.create("powerprop", {"of": of})

"""SNIP, random and magnitude pruning against masks worked out by hand.

The network: x = (1, 2), W1 = [[1, 0], [0.5, −1]], W2 = [[1, −1], [0, 2]], label 1, no nonlinearity.

    h = W1 x = (1, −1.5);  logits = W2 h = (2.5, −3);  p₀ = σ(5.5) = 0.99593
    δ = softmax − onehot = (p₀, −p₀)
    ∂L/∂W2 = δ hᵀ = p₀ [[1, −1.5], [−1, 1.5]]
    ∂L/∂h = W2ᵀ δ = p₀ (1, −3);  ∂L/∂W1 = (∂L/∂h) xᵀ = p₀ [[1, 2], [−3, −6]]
    |W · ∂L/∂W| / p₀:  W1 → [[1, 0], [1.5, 6]],  W2 → [[1, 1.5], [0, 3]]
"""

import math

import pytest
import torch

from bench import catalog
from tests.methods.by_hand import linear, trainer_for

P0 = 1 / (1 + math.exp(-5.5))
W1, W2 = [[1.0, 0.0], [0.5, -1.0]], [[1.0, -1.0], [0.0, 2.0]]


def prepared(name, point, **fields):
    return trainer_for(catalog.create(name, fields), linear(W1, W2), [[1.0, 2.0]], [1], point)


def test_snip_scores():
    trainer = prepared("snip", 0.5)
    scores = trainer.run.method.saliency(trainer.run)
    assert scores["0.weight"].tolist() == [pytest.approx([P0, 0]), pytest.approx([1.5 * P0, 6 * P0])]
    assert scores["1.weight"].tolist() == [pytest.approx([P0, 1.5 * P0]), pytest.approx([0, 3 * P0])]


def test_snip_keeps_the_four_largest_of_all_layers():
    trainer = prepared("snip", 0.5)
    trainer.train()
    assert trainer.run.masks["0.weight"].tolist() == [[0, 0], [1, 1]]
    assert trainer.run.masks["1.weight"].tolist() == [[0, 1], [0, 1]]


def test_snip_ranking_does_not_depend_on_the_scale_of_the_loss():
    trainer = prepared("snip", 0.5, batches=3)  # three times the same batch: the average is the same
    trainer.train()
    assert trainer.run.masks["1.weight"].tolist() == [[0, 1], [0, 1]]


def test_the_mask_of_snip_is_that_of_the_official_code():
    """It ranks what masks of 1 have as gradients, biases' too, which are 0 and go first; the sum is divided out."""
    drawn = torch.Generator().manual_seed(0)
    w1, w2 = (torch.randn(shape, generator=drawn).double() for shape in ((8, 6), (5, 8)))
    images, labels = torch.randn(7, 6, generator=drawn).double(), torch.tensor([0, 1, 2, 3, 4, 0, 1])
    biases = torch.zeros(8, dtype=torch.float64), torch.zeros(5, dtype=torch.float64)
    c = [torch.ones_like(value, requires_grad=True) for value in (w1, biases[0], w2, biases[1])]
    hidden = (images @ (c[0] * w1).T + c[1] * biases[0]).relu()
    loss = torch.nn.functional.cross_entropy(hidden @ (c[2] * w2).T + c[3] * biases[1], labels)
    scores = torch.cat([slope.abs().flatten() for slope in torch.autograd.grad(loss, c)])
    kept = torch.zeros_like(scores, dtype=torch.bool)
    kept[(scores / scores.sum()).topk(round(0.3 * (48 + 40))).indices] = True  # of the weights: 26.4, so 26
    first, first_bias, second, second_bias = kept.split([48, 8, 40, 5])
    assert not (first_bias.any() or second_bias.any())
    model = torch.nn.Sequential(*linear(w1.tolist()), torch.nn.ReLU(), *linear(w2.tolist()))
    run = trainer_for(catalog.create("snip", {}), model, images.tolist(), labels.tolist(), 0.7).run
    run.method.update_masks(run)
    assert run.masks["0.weight"].bool().flatten().tolist() == first.tolist()
    assert run.masks["2.weight"].bool().flatten().tolist() == second.tolist()


def test_gradients_are_taken_at_the_masked_network_and_exist_for_pruned_weights():
    trainer = prepared("snip", 0.5)
    run = trainer.run
    run.masks["0.weight"].copy_(torch.tensor([[1.0, 1.0], [0.0, 0.0]]))  # h = (1, 0), logits (1, 0), p₀ = σ(1)
    p = 1 / (1 + math.exp(-1))
    gradients = run.gradients()
    assert gradients["1.weight"].tolist() == [pytest.approx([p, 0]), pytest.approx([-p, 0])]
    assert gradients["0.weight"].tolist() == [pytest.approx([p, 2 * p]), pytest.approx([-3 * p, -6 * p])]


def test_magnitude_keeps_the_largest_of_all_layers():
    trainer = prepared("magnitude", 0.625)
    # |W|: 1 0 .5 1 | 1 1 0 2; kept are three: the 2, and two of the four ones, chosen by the seed.
    trainer.run.masks.keep(trainer.run.method.saliency(trainer.run), 0.625)
    kept = trainer.run.masks * trainer.run.weights.abs()
    assert sorted(torch.cat([value.flatten() for value in kept.values()]).tolist()) == [0, 0, 0, 0, 0, 1, 1, 2]


def test_random_keeps_an_exact_count_per_layer_and_follows_the_seed():
    weights = [[float(i + j) for j in range(10)] for i in range(10)]
    digests = set()
    for allocation in ("uniform", "erk", "global"):
        trainer = trainer_for(
            catalog.create("random", {"allocation": allocation}), linear(weights, weights), [[0.1] * 10], [1], 0.9
        )
        trainer.train()
        kept = trainer.run.masks.kept()
        assert sum(kept.values()) == 20
        if allocation != "global":
            assert list(kept.values()) == [10, 10]
        digests.add(trainer.run.masks.digest())
    assert len(digests) >= 2

"""GraSP's own images, in halves, and its linear layers drawn anew while scoring."""

import copy

import pytest
import torch
from torch import nn

from bench import catalog
from bench.data.batches import split
from bench.errors import UserError
from tests.methods.by_hand import linear, trainer_for
from tests.methods.test_rounds_at_init import prepared
from tests.methods.test_rounds_on_resnet20 import real_run, top


def asked(run):
    """Which batches a run asks for from here on."""
    seen = []
    for kind in ("scoring", "balanced"):
        real = getattr(run.batches, kind)
        setattr(run.batches, kind, lambda *keys, kind=kind, real=real: (seen.append((kind, *keys)), real(*keys))[1])
    return seen


def test_ten_images_of_every_class_by_default_the_same_for_gradient_and_hessian():
    run = prepared("grasp", ([[0.5, -0.25], [0.25, 0.5]],), [1.0, 2.0], 0.5, batches=2, parts=1).run
    run.batches.scoring = lambda *keys: run.batches.batch
    seen = asked(run)
    run.method.saliency(run)
    drawn = [keys for keys in seen if keys[0] == "balanced"]
    assert drawn == 2 * [("balanced", 10, number, "train", 0, 0) for number in (0, 1)]
    assert run.scoring_passes == 2 * 1 + 2 * 2 * 1  # two batches of one image: one pass for g, two for Hg


def test_the_recipe_s_scoring_batch_is_an_option():
    run = prepared("grasp", ([[0.5, -0.25], [0.25, 0.5]],), [1.0, 2.0], 0.5, per_class=None, parts=1).run
    seen = asked(run)
    run.method.saliency(run)
    assert seen == 2 * [("scoring", 0, "train", 0, 0)]


def test_redrawn_linear_layers_give_the_scores_of_the_weights_drawn_and_are_put_back():
    # As for one layer in test_rounds_at_init: θ · Hg is proportional to θ · (−1, 1) xᵀ by rows, where θ are the weights
    # drawn, with x = (1, 2) and label 0; p₁ is that of W x. The ratio of two scores of a row is θ_a / (2 θ_b).
    weights = [[0.5, -0.25], [0.25, 0.5]]
    method = catalog.create("grasp", {"parts": 1, "temperature": 1.0})
    run = trainer_for(method, linear(weights), [[1.0, 2.0]], [0], 0.5).run
    drawn = nn.init.xavier_normal_(torch.empty(2, 2, dtype=torch.float64), generator=run.generator("linear"))
    run.at(0)
    scores = method.saliency(run)["0.weight"]
    q = float((drawn @ torch.tensor([1.0, 2.0], dtype=torch.float64)).softmax(0)[1])
    factor = 5 * (1 - q) * q * 2 * q
    expected = factor * drawn * torch.tensor([[-1.0, -2.0], [1.0, 2.0]], dtype=torch.float64)
    assert scores.flatten().tolist() == pytest.approx(expected.flatten().tolist(), rel=1e-9)
    assert run.weights["0.weight"].tolist() == weights


def test_on_a_resnet_only_the_classifier_is_drawn_anew_and_nothing_is_left_behind():
    run = real_run("grasp")
    before, rng = copy.deepcopy(run.model.state_dict()), torch.get_rng_state()
    run.method.update_masks(run)
    assert all(torch.equal(before[name], value) for name, value in run.model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), rng)
    run.at(0)
    other = real_run("grasp", linear="trained")
    with torch.no_grad():
        nn.init.xavier_normal_(other.model.get_submodule("fc").weight, generator=run.generator("linear"))
    expected = top(other.method.saliency(other), sum(int(mask.sum()) for mask in run.masks.values()))
    assert all(torch.equal(run.masks[name].bool(), expected[name]) for name in run.masks)
    trained = real_run("grasp", linear="trained")
    trained.method.update_masks(trained)
    assert trained.masks.digest() != run.masks.digest()


def test_weights_are_put_back_even_if_scoring_fails():
    run = real_run("grasp")
    before = run.weights.clone()
    run.batches.balanced = lambda *keys: 1 / 0
    with pytest.raises(ZeroDivisionError):
        run.method.saliency(run)
    assert all(torch.equal(before[name], weight) for name, weight in run.weights.items())


# -- halves --------------------------------------------------------------------------------------------------------


def test_halves_of_the_sorted_batch_hold_half_the_classes_and_are_normalised_apart():
    """The gradient and the Hessian are the means of those of the halves, each with its own statistics."""
    run = real_run("grasp")
    images, _ = run.batches.scoring(0)
    batch = images, torch.tensor([0, 0, 0, 1, 1, 1])
    run.batches.balanced = lambda *keys: batch
    whole, halves = run.gradients(per_class=3), run.gradients(per_class=3, parts=2)
    seen = []
    for begin, end in ((0, 3), (3, 6)):
        run.batches.balanced = lambda *keys, begin=begin, end=end: (images[begin:end], batch[1][begin:end])
        seen.append((run.gradients(per_class=3), run.hessian_product(halves, per_class=3)))
    run.batches.balanced = lambda *keys: batch
    product = run.hessian_product(halves, per_class=3, parts=2)
    for name in run.weights:
        torch.testing.assert_close(halves[name], (seen[0][0][name] + seen[1][0][name]) / 2)
        torch.testing.assert_close(product[name], (seen[0][1][name] + seen[1][1][name]) / 2)
    assert not torch.allclose(whole["conv1.weight"], halves["conv1.weight"], rtol=0.01)


def test_without_batch_statistics_even_parts_change_nothing():
    run = real_run("grasp", norm="eval")
    whole, halves = run.gradients(), run.gradients(parts=3)
    for name in run.weights:
        torch.testing.assert_close(halves[name], whole[name])


@pytest.mark.parametrize(
    ("size", "parts", "expected"), [(6, 2, [3, 3]), (5, 2, [2, 3]), (7, 3, [2, 2, 3]), (4, 1, [4])]
)
def test_parts_are_consecutive_and_as_even_as_can_be(size, parts, expected):
    images, labels = torch.arange(float(size)), torch.arange(size)
    found = list(split((images, labels), parts))
    assert [len(part) for part, _ in found] == expected
    assert torch.cat([part for part, _ in found]).tolist() == list(range(size))
    assert all(torch.equal(x.long(), y) for x, y in found)


def test_more_parts_than_images_is_one_sentence():
    run = real_run("grasp", parts=7)
    with pytest.raises(UserError, match=r"^'parts' is 7, and a scoring batch of 6 images has 1 to 6\.$"):
        run.method.saliency(run)

"""Masks that other weights give, and the weights that are trained."""

import math

import pytest
import torch

from bench import catalog
from bench.errors import UserError
from bench.plan.lineage import identify
from bench.seeds import generator
from tests.contract.harness import spec_for
from tests.methods.by_hand import linear, trainer_for

WEIGHTS = [[1.0, 0.0], [0.5, -1.0]], [[1.0, -1.0], [0.0, 2.0]]


def prepared(network, method, point):
    trainer = trainer_for(method, network, [[1.0, 2.0]], [1], point)
    trainer._update(method.update_masks)
    return trainer.run


def test_the_mask_is_that_of_the_drawn_network_and_the_trained_weights_stay():
    run = prepared(linear(*WEIGHTS), catalog.create("drawn_apart", {"weights": "normal", "std": 0.5}), 0.5)
    drawn = generator("cpu", run.seed, "drawn apart", run.stage.name, run.stage.copy, run.step, 1)
    others = [torch.empty(2, 2).normal_(std=0.5, generator=drawn).tolist() for _ in range(2)]
    expected = prepared(linear(*others), catalog.create("snip", {}), 0.5)
    for name, weight in zip(("0.weight", "1.weight"), WEIGHTS, strict=True):
        assert torch.equal(run.masks[name], expected.masks[name])
        assert torch.equal(run.weights[name], torch.tensor(weight) * run.masks[name])


@pytest.mark.parametrize(
    ("fields", "std", "largest"),
    [
        ({"weights": "normal", "std": 0.3}, 0.3, math.inf),
        # between −2 and 2 a standard normal number has a standard deviation of 0.8796
        ({"weights": "truncated_normal", "std": 0.3}, 0.3 * 0.8796, 0.6),
        ({"weights": "xavier_normal"}, math.sqrt(2 / 500), math.inf),
        ({"weights": "kaiming_normal"}, math.sqrt(2 / 300), math.inf),
    ],
)
def test_the_draws_have_the_spread_that_is_asked_for(fields, std, largest):
    weight = torch.nn.Parameter(torch.empty(200, 300))
    with torch.no_grad():
        catalog.create("drawn_apart", fields)._draw(weight, torch.Generator().manual_seed(0))
    assert weight.std().item() == pytest.approx(std, rel=0.02)
    assert weight.abs().max().item() <= largest
    assert weight.abs().max().item() > 1.9 * std


def test_what_it_refuses():
    with pytest.raises(
        UserError, match=r"^drawn_apart\[of\]: 'rigl' does not prune single weights at initialisation\.$"
    ):
        catalog.create("drawn_apart", {"of": "rigl"})
    with pytest.raises(UserError, match=r"^drawn_apart\[std\] has to be above 0 and at most 1000, not 0\.0\.$"):
        catalog.create("drawn_apart", {"weights": "normal", "std": 0.0})


def test_its_identity_covers_the_method_that_scores():
    assert catalog.create("drawn_apart", {"of": "grasp"}).borrows == ("grasp",)
    spec = spec_for("drawn_apart")
    other = spec.model_copy(update={"hyperparameters": {"of": "grasp"}})
    assert identify(spec).id != identify(other).id

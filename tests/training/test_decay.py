"""Weight decay that the training loop applies itself."""

import pytest
import torch
from torch import nn

from bench import catalog
from bench.errors import UserError
from bench.recipe import Recipe
from tests.methods.by_hand import linear, trainer_for


def decayed(method, optimizer, point=0.5, model=None):
    """A trainer whose optimizer never moves anything by itself: the loss is of one class, so it has no gradient."""
    model = model or linear([[1.0, 2.0, 3.0, 4.0]])
    return trainer_for(catalog.create(method, {}), model, [[1.0] * 4], [0], point, optimizer=optimizer)


def stepped(trainer, steps=2):
    images, labels = trainer.run.batches.batch
    for step in range(steps):
        trainer._optimize(images, labels, step)
    return trainer.run


def test_each_step_takes_its_share_off_whatever_the_rate_is():
    run = stepped(decayed("dense", {"weight_decay": 0.1, "decay": "step", "momentum": 0.9}))
    assert run.weights["0.weight"][0].tolist() == pytest.approx([0.81 * w for w in (1, 2, 3, 4)])


def test_it_is_not_the_decay_that_goes_through_the_momentum():
    # 1 − 0.1 = 0.9, then 0.9 − (0.9 · 0.1 + 0.09) = 0.72 at rate 1.
    run = stepped(decayed("dense", {"weight_decay": 0.1, "momentum": 0.9}))
    assert run.weights["0.weight"][0, 0].item() == pytest.approx(0.72)


def test_excluded_parameters_keep_all():
    model = nn.Sequential(nn.Linear(4, 1))
    nn.init.constant_(model[0].weight, 1.0)
    nn.init.constant_(model[0].bias, 1.0)
    settings = {"weight_decay": 0.1, "decay": "step", "decay_excludes": ["bias"]}
    run = stepped(decayed("dense", settings, model=model), steps=1)
    assert run.model.get_parameter("0.weight")[0].tolist() == pytest.approx([0.9] * 4)
    assert run.model.get_parameter("0.bias").tolist() == [1.0]


@pytest.mark.parametrize(("masked", "expected"), [(True, [0.9] * 4), (False, [0.9, 1.0, 0.9, 1.0])])
def test_weights_that_live_on_under_a_mask_decay_if_the_recipe_says_so(masked, expected):
    trainer = decayed("dpf", {"weight_decay": 0.1, "decay": "step", "decay_masked": masked})
    trainer.run.weights["0.weight"].copy_(torch.ones(1, 4))
    trainer.run.masks["0.weight"].copy_(torch.tensor([[1.0, 0.0, 1.0, 0.0]]))
    assert stepped(trainer, steps=1).weights["0.weight"][0].tolist() == pytest.approx(expected)


def test_more_than_all_cannot_be_taken_off():
    values = {"batch_size": 1, "train": {"epochs": 1, "lr": 0.1}, "optimizer": {"weight_decay": 1, "decay": "step"}}
    with pytest.raises(UserError, match=r"'weight_decay' is a fraction below 1 where 'decay' is step, not 1"):
        Recipe.read(values, "the test")

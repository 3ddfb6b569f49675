"""Learning rates against torch's own schedulers; weight decay where the recipe wants it."""

import pytest
import torch
from torch import nn

from bench.optimization import build, current_rate, learning_rate, set_rate
from bench.recipe import Optimizer
from bench.recipe.phase import Phase


def by_torch(scheduler, optimizer, epochs):
    rates = []
    for _ in range(epochs):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


def ours(phase, epochs, steps_per_epoch=4):
    return [learning_rate(phase, epoch * steps_per_epoch, steps_per_epoch) for epoch in range(epochs)]


@pytest.fixture
def optimizer():
    return torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)


def test_multistep_equals_torch(optimizer):
    phase = Phase(epochs=20, lr=0.1, schedule="multistep", milestones=(8, 14), gamma=0.2)
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, [8, 14], gamma=0.2)
    assert ours(phase, 20) == pytest.approx(by_torch(scheduler, optimizer, 20))


def test_cosine_equals_torch(optimizer):
    phase = Phase(epochs=20, lr=0.1, schedule="cosine", minimum_lr=0.001)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 20, eta_min=0.001)
    assert ours(phase, 20) == pytest.approx(by_torch(scheduler, optimizer, 20))


def test_a_scheduler_stepped_first_drops_one_epoch_earlier():
    phase = Phase(epochs=10, lr=1.0, schedule="multistep", milestones=(5,), scheduler_first=True)
    assert ours(phase, 10) == pytest.approx([1.0] * 4 + [0.1] * 6)


def test_warm_up_is_linear_per_step():
    phase = Phase(epochs=10, lr=0.8, warmup=2)
    assert [learning_rate(phase, step, 4) for step in (0, 1, 4, 7, 8)] == pytest.approx([0, 0.1, 0.4, 0.7, 0.8])


def test_milestones_in_steps():
    phase = Phase(steps=100, lr=1.0, schedule="multistep", milestones=(30, 60), gamma=0.5)
    assert [learning_rate(phase, step, 7) for step in (29, 30, 59, 60)] == [1.0, 0.5, 0.5, 0.25]


def test_a_fractional_milestone_of_a_scaled_recipe_drops_in_the_middle_of_an_epoch():
    phase = Phase(epochs=160, lr=1.0, schedule="multistep", milestones=(80, 120)).scaled(2 / 160)
    assert [learning_rate(phase, step, 4) for step in (3, 4, 5, 6, 7)] == pytest.approx([1, 0.1, 0.1, 0.01, 0.01])


def test_decay_excludes_norms_and_biases():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Linear(2, 2))
    for excludes, decayed in [((), 6), (("norm",), 4), (("bias",), 4), (("norm", "bias"), 2)]:
        groups = build(Optimizer(weight_decay=0.1, decay_excludes=excludes), [model], set()).param_groups
        assert sum(len(group["params"]) for group in groups) == 6
        assert sum(len(group["params"]) for group in groups if group["weight_decay"]) == decayed


def test_parameters_decayed_elsewhere_are_left_out():
    model = nn.Linear(2, 2)
    groups = build(Optimizer(weight_decay=0.1), [model], {id(model.weight)}).param_groups
    assert [len(group["params"]) for group in groups if group["weight_decay"]] == [1]


def test_biases_have_a_rate_of_their_own_and_scales_of_norms_do_not():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Linear(2, 2))
    optimizer = build(Optimizer(bias_rate=0.5, weight_decay=0.1, decay_excludes=("norm",)), [model], set())
    set_rate(optimizer, 0.2)
    rates = {parameter: group["lr"] for group in optimizer.param_groups for parameter in group["params"]}
    named = {name: rates[parameter] for name, parameter in model.named_parameters()}
    assert {name for name, rate in named.items() if rate == 0.1} == {"0.bias", "2.bias"}
    assert {rate for name, rate in named.items() if name not in ("0.bias", "2.bias")} == {0.2}
    assert current_rate(optimizer) == 0.2
    assert sorted(group["weight_decay"] for group in optimizer.param_groups) == [0.0, 0.1, 0.1], "as without"


def test_rates_that_are_tensors_are_filled_apart():
    model = nn.Linear(2, 2)
    optimizer = build(Optimizer(bias_rate=0.25), [model], set(), (), torch.device("cpu"))
    set_rate(optimizer, 0.2)
    assert [group["lr"].item() for group in optimizer.param_groups] == pytest.approx([0.2, 0.05])


def test_a_group_of_its_own_keeps_its_rate_and_settings():
    network, extra = nn.Linear(2, 2), nn.Linear(2, 1)
    own = {"params": list(extra.parameters()), "lr": 0.1, "momentum": 0.5, "weight_decay": 0.0}
    optimizer = build(Optimizer(momentum=0.9, weight_decay=0.01), [network, extra], set(), [own])
    set_rate(optimizer, 0.3)
    mine, theirs = optimizer.param_groups
    assert (mine["lr"], mine["momentum"], mine["weight_decay"], len(mine["params"])) == (0.3, 0.9, 0.01, 2)
    assert (theirs["lr"], theirs["momentum"], theirs["weight_decay"], len(theirs["params"])) == (0.1, 0.5, 0.0, 2)
    again = build(Optimizer(momentum=0.9, weight_decay=0.01), [network, extra], set(), [own])
    again.load_state_dict(optimizer.state_dict())
    set_rate(again, 0.2)
    assert [group["lr"] for group in again.param_groups] == [0.2, 0.1], "also after a checkpoint"

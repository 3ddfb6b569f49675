"""What one step does to pruned weights, their gradient, momentum and decay, and what a weight has when it comes back.

One linear layer, x = (1, 1, 1, 1), label 0, W = [[4, −3, 2, −1], [0, 0, 0, 0]]; kept is the 4 alone. So logits are
(4, 0) and δ = (σ(4) − 1, 1 − σ(4)) = (−m, m): the gradient is −m everywhere in row 0 and m everywhere in row 1. With
rate 1, momentum 0.9 and decay 0.1 the first step gives

    kept             buffer  −m + 0.1 · 4     weight  4 + m − 0.4     in every method
    pruned           buffer   0               weight  0               nothing reaches them
    pruned, SNFS     buffer  −m               weight  0               the dense gradient; decay of 0 is 0
    pruned, DSR      buffer   0.9 · 7         weight  0               only what was left there, here 7, which dies away
    pruned, DPF      buffer  −m + 0.1 · −3    weight  −3 + m + 0.3    gradient of the pruned network, and decay

and whatever returns then has just that value and momentum. Top-KAST, whose weights are of three kinds, is worked out in
`test_topkast`.
"""

import math

import pytest
import torch

from bench import catalog
from tests.methods.by_hand import linear, trainer_for

ROWS = [[4.0, -3.0, 2.0, -1.0], [0.0, 0.0, 0.0, 0.0]]
M = 1 - 1 / (1 + math.exp(-4.0))
RECIPE = {
    "optimizer": {"momentum": 0.9, "weight_decay": 0.1},
    "train": {"epochs": 1, "lr": 1.0, "schedule": "multistep", "milestones": [0.8, 0.9]},
}
GONE = (0.0, 0.0)
TABLE = {
    **dict.fromkeys(["random", "magnitude", "gmp", "snip", "force", "iterative_snip", "grasp_it", "grasp"], GONE),
    **dict.fromkeys(["synflow", "sanity_check", "rigl", "set", "granet"], GONE),
    "snfs": (0.0, -M),
    "dsr": (0.0, 0.9 * 7),
    "dpf": (-3 + M + 0.3, -M - 0.3),
}
"""Value and momentum of the −3 after a step."""


def stepped(name):
    """A trainer after one step in which the masks were not updated, as computed above."""
    trainer = trainer_for(catalog.create(name, {}), linear(ROWS), [[1.0] * 4], [0], 0.5, **RECIPE)
    run = trainer.run
    run.masks["0.weight"].copy_(torch.tensor([[1.0, 0.0, 0.0, 0.0], [0.0] * 4]))
    run.mask_weights()
    if name == "dsr":
        run.optimizer.state[run.parameters["0.weight"]]["momentum_buffer"] = stale(run)
    assert not run.method.schedule.fires(1, run.timeline)
    trainer._step(1)
    return trainer


def stale(run):
    """Momentum 7 where a weight was dropped a moment ago, none of the kept one."""
    return 7.0 * (1 - run.masks["0.weight"])


def momentum(run):
    return run.optimizer.state[run.parameters["0.weight"]]["momentum_buffer"]


@pytest.mark.parametrize("name", TABLE)
def test_the_kept_weight_moves_as_in_a_network_of_its_own(name):
    run = stepped(name).run
    assert run.weights["0.weight"][0, 0].item() == pytest.approx(4 + M - 0.4, abs=1e-12)
    assert momentum(run)[0, 0].item() == pytest.approx(-M + 0.4, abs=1e-12)


@pytest.mark.parametrize("name", TABLE)
def test_pruned_weights_get_what_the_table_says(name):
    run = stepped(name).run
    value, buffer = TABLE[name]
    assert run.weights["0.weight"][0, 1].item() == pytest.approx(value, abs=1e-12)
    assert momentum(run)[0, 1].item() == pytest.approx(buffer, abs=1e-12)
    assert run.export()["0.weight"][0, 1:].tolist() == [0, 0, 0], "whatever lives on, what is evaluated is masked"


@pytest.mark.parametrize("name", TABLE)
def test_what_an_update_drops_loses_value_and_momentum_unless_they_live_on(name):
    trainer = stepped(name)
    run = trainer.run
    trainer._update(lambda run: run.masks["0.weight"][0, 0].fill_(0))  # the 4
    value = 4 + M - 0.4 if name == "dpf" else 0
    buffer = -M + 0.4 if name in ("dpf", "snfs", "dsr") else 0
    assert run.weights["0.weight"][0, 0].item() == pytest.approx(value, abs=1e-12)
    assert momentum(run)[0, 0].item() == pytest.approx(buffer, abs=1e-12)


@pytest.mark.parametrize("name", TABLE)
def test_a_weight_that_returns_has_the_value_and_momentum_of_the_table(name):
    trainer = stepped(name)
    run = trainer.run
    trainer._update(lambda run: None)
    trainer._update(lambda run: run.masks["0.weight"][0, 1].fill_(1))
    value, buffer = TABLE[name]
    assert run.export()["0.weight"][0, 1].item() == pytest.approx(value, abs=1e-12)
    assert momentum(run)[0, 1].item() == pytest.approx(buffer, abs=1e-12)


def test_the_dense_network_takes_plain_sgd_steps():
    # No mask: logits (4 − 3 + 2 − 1, 0) = (2, 0), m = 1 − σ(2); w ← w + m − 0.1 w in row 0.
    trainer = trainer_for(catalog.create("dense", {}), linear(ROWS), [[1.0] * 4], [0], 0.0, **RECIPE)
    m = 1 - 1 / (1 + math.exp(-2.0))
    assert [step for step in range(10) if trainer.run.method.schedule.fires(step, trainer.run.timeline)] == []
    trainer._step(0)
    assert trainer.run.weights["0.weight"][0].tolist() == pytest.approx([0.9 * w + m for w in ROWS[0]])
    assert trainer.run.weights["0.weight"][1].tolist() == pytest.approx([-m] * 4)
    assert trainer.run.masks.sparsity() == 0


def test_dpf_momentum_lives_on_under_the_mask():
    # A second step: logits are (w₀, 0) with w₀ = 4 + m − 0.4; the buffer of the −3 is 0.9 (−m − 0.3) − m' + 0.1 w₁.
    trainer = stepped("dpf")
    before, kept = trainer.run.weights["0.weight"][0, 1].item(), 4 + M - 0.4
    # Row 1 moved as well, but is masked: its logit is still 0.
    slope = 1 - 1 / (1 + math.exp(-kept))
    trainer._step(2)
    buffer = 0.9 * (-M - 0.3) - slope + 0.1 * before
    assert momentum(trainer.run)[0, 1].item() == pytest.approx(buffer)
    assert trainer.run.weights["0.weight"][0, 1].item() == pytest.approx(before - buffer)


def test_snfs_momentum_of_an_active_weight_has_its_decay_in_it():
    run = stepped("snfs").run
    assert momentum(run)[0].tolist() == pytest.approx([-M + 0.4, -M, -M, -M])
    assert momentum(run)[1].tolist() == pytest.approx([M] * 4)

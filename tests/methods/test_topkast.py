"""Top-KAST: single updates, worked out by hand."""

import pytest
import torch

from tests.methods.dynamic import NAME, prepared


def topkast(decay=0.0, momentum=0.0, **fields):
    """Both rows 4 −3 2 −1 0.5 0.4 0.3 0.2 (16 weights) at 75 %: A is 4 −3 of each row; B, twice as many, adds 2 −1."""
    recipe = {"optimizer": {"momentum": momentum, "weight_decay": decay}}
    trainer = prepared("topkast", point=0.75, recipe=recipe, **fields)
    row = [4.0, -3.0, 2.0, -1.0, 0.5, 0.4, 0.3, 0.2]
    trainer.run.weights[NAME].copy_(torch.tensor([row, row]))
    return trainer, row


def test_topkast_uses_a_trains_b_and_freezes_the_rest():
    trainer, row = topkast()
    trainer._step(0)
    run = trainer.run
    assert run.masks[NAME].tolist() == [[1, 1, 0, 0, 0, 0, 0, 0]] * 2
    assert run.state[f"trained.{NAME}"].tolist() == [[1, 1, 1, 1, 0, 0, 0, 0]] * 2
    # Logits (1, 1), label 0: δ = (−½, ½), inputs 1, rate 1: row 0 gains ½ on B, row 1 loses ½ on B.
    assert run.weights[NAME][0].tolist() == pytest.approx([4.5, -2.5, 2.5, -0.5, *row[4:]])
    assert run.weights[NAME][1].tolist() == pytest.approx([3.5, -3.5, 1.5, -1.5, *row[4:]])


def test_topkast_penalty_is_larger_by_one_over_density_on_the_rim():
    trainer, row = topkast(decay=0.1)
    trainer._step(0)
    # On A 0.1 w; on B minus A 0.1 w / 0.25 = 0.4 w: 2 → 2 + ½ − 0.8, −1 → −1 + ½ + 0.4; none outside.
    expected = [4 + 0.5 - 0.4, -3 + 0.5 + 0.3, 2 + 0.5 - 0.8, -1 + 0.5 + 0.4, *row[4:]]
    assert trainer.run.weights[NAME][0].tolist() == pytest.approx(expected)


def test_topkast_lets_no_momentum_or_decay_move_frozen_weights():
    trainer, row = topkast(decay=0.1, momentum=0.9)
    for step in range(4):
        trainer._step(step)
    assert trainer.run.weights[NAME][0, 4:].tolist() == torch.tensor(row[4:]).tolist()
    assert not any(key.startswith("before") for key in trainer.run.state), "nothing of a step reaches a checkpoint"


def test_topkast_returns_with_the_latent_value_and_without_old_momentum():
    trainer, _ = topkast(momentum=0.9)
    run = trainer.run
    trainer._step(0)
    run.weights[NAME][:, 4] = 9.0
    run.optimizer.state[run.parameters[NAME]]["momentum_buffer"].fill_(7.0)
    trainer._update(run.method.update_masks)
    assert run.masks[NAME][0].tolist() == [1, 0, 0, 0, 1, 0, 0, 0]
    assert run.export()[NAME][0, 4] == 9
    momentum = run.optimizer.state[run.parameters[NAME]]["momentum_buffer"]
    assert momentum[:, 4].tolist() == [0, 0]
    assert momentum[0, 0] == 7


def test_topkast_backward_sparsity_may_be_given():
    trainer, _ = topkast(backward=0.25)
    trainer.run.method.update_masks(trainer.run)
    assert int(trainer.run.state[f"trained.{NAME}"].sum()) == 12

"""Dynamic sparse reparameterization: single updates, worked out by hand."""

import torch

from tests.methods.dynamic import two_layers


def test_dsr_drops_below_one_threshold_and_grows_by_size(monkeypatch):
    trainer = two_layers("dsr", threshold=3.5, moved=3 / 24)
    run = trainer.run
    trainer._update(run.method.update_masks)
    # Below 3.5: 1 2 3 of layer 0, none of layer 1. Left 5 and 4: shares of three 1.67 and 1.33 → 2 and 1.
    assert run.masks.kept() == {"0.weight": 5 + 2, "1.weight": 4 + 1}
    assert run.masks["0.weight"][0].tolist() == [0, 0, 0, 1], "what was just dropped is not grown"
    assert float(run.state["threshold"]) == 3.5  # exactly the goal of three


def test_dsr_threshold_moves_by_factors_of_two_outside_ten_percent():
    for goal, expected in ((3 / 24, 3.5), (4 / 24, 7.0), (2 / 24, 1.75)):
        trainer = two_layers("dsr", threshold=3.5, moved=goal)
        trainer._update(trainer.run.method.update_masks)
        assert float(trainer.run.state["threshold"]) == expected


def test_dsr_keeps_a_weight_in_every_layer():
    run = two_layers("dsr", threshold=1e3).run
    assert run.method._below(run) == {"0.weight": 7, "1.weight": 3}


def test_dsr_grows_new_weights_at_zero_with_their_old_momentum():
    trainer = two_layers("dsr", threshold=3.5)
    run = trainer.run
    buffer = torch.full((4, 4), 7.0, dtype=torch.float64)
    run.optimizer.state[run.parameters["0.weight"]]["momentum_buffer"] = buffer
    before = run.masks["0.weight"].clone()
    trainer._update(run.method.update_masks)
    new = (run.masks["0.weight"] == 1) & (before == 0)
    assert run.weights["0.weight"][new].tolist() == [0, 0]
    assert buffer[new].tolist() == [7, 7]

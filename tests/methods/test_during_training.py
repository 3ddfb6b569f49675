"""GMP, RigL and DPF: one step, one update and their order, worked out by hand."""

import pytest
import torch

from bench import catalog
from bench.tensors import NamedTensors
from tests.methods.by_hand import linear, trainer_for

# One linear layer, x = (1, 1, 1, 1), two classes. The second row is 0, so logits are (sum of what is kept, 0).
ROWS = [[4.0, -3.0, 2.0, -1.0], [0.0, 0.0, 0.0, 0.0]]

TWO_DROPS = {"epochs": 1, "lr": 1.0, "schedule": "multistep", "milestones": [0.5, 0.9]}


def prepared(name, point, recipe=None, **fields):
    return trainer_for(catalog.create(name, fields), linear(ROWS), [[1.0, 1.0, 1.0, 1.0]], [0], point, **(recipe or {}))


def sigmoid(z):
    return float(torch.sigmoid(torch.tensor(z, dtype=torch.float64)))


def masked(trainer, first_row):
    mask = trainer.run.masks["0.weight"]
    mask.copy_(torch.tensor([first_row, [0.0] * 4]))


def test_dpf_moves_the_dense_weights_by_the_gradient_of_the_pruned_network():
    trainer = prepared("dpf", 0.75, recipe={"train": TWO_DROPS})
    masked(trainer, [1.0, 0.0, 0.0, 0.0])
    trainer.progress.step = 1
    trainer._step(1)
    # Kept: 4, so logits (4, 0) and label 0: δ₀ = σ(4) − 1. Every weight of row 0 moves by −δ₀, pruned ones too.
    move = 1 - sigmoid(4.0)
    expected = [4 + move, -3 + move, 2 + move, -1 + move]
    assert trainer.run.weights["0.weight"][0].tolist() == pytest.approx(expected)


def test_dpf_decays_all_dense_weights_or_only_the_kept_ones():
    for decay_masked, pruned in ((True, -3 + 0.3), (False, -3.0)):
        optimizer = {"momentum": 0.0, "weight_decay": 0.1, "decay_masked": decay_masked}
        trainer = prepared("dpf", 0.75, recipe={"optimizer": optimizer, "train": TWO_DROPS})
        masked(trainer, [1.0, 0.0, 0.0, 0.0])
        trainer._step(1)
        move = 1 - sigmoid(4.0)
        assert trainer.run.weights["0.weight"][0, 0].item() == pytest.approx(4 + move - 0.4)
        assert trainer.run.weights["0.weight"][0, 1].item() == pytest.approx(pruned + move)


def test_dpf_brings_a_weight_back_with_its_latent_value():
    trainer = prepared("dpf", 0.75, recipe={"train": TWO_DROPS})
    run = trainer.run
    masked(trainer, [1.0, 0.0, 0.0, 0.0])
    run.weights["0.weight"][0, 1] = -5.0  # grew beyond the others while it was masked
    run.sparsity = 0.875  # keep one of eight
    trainer._update(run.method.update_masks)
    assert run.masks["0.weight"].tolist() == [[0, 1, 0, 0], [0, 0, 0, 0]]
    assert run.export()["0.weight"].tolist() == [[0, -5, 0, 0], [0, 0, 0, 0]]
    assert run.weights["0.weight"][0, 0] == 4.0, "the pruned weight keeps its latent value"


def test_gmp_zeroes_what_it_prunes_and_its_momentum():
    optimizer = {"momentum": 0.9, "weight_decay": 0.0}
    trainer = prepared("gmp", 0.5, recipe={"optimizer": optimizer}, **{"schedule.every": 2, "schedule.start": 0.0})
    run = trainer.run
    trainer._step(1)
    assert run.optimizer.state[run.parameters["0.weight"]]["momentum_buffer"].abs().min() > 0
    run.sparsity = 0.625  # three of eight in the only layer
    trainer._update(run.method.update_masks)
    mask = run.masks["0.weight"]
    assert int(mask.sum()) == 3
    assert not run.weights["0.weight"][mask == 0].any()
    assert not run.optimizer.state[run.parameters["0.weight"]]["momentum_buffer"][mask == 0].any()


def rigl_update(monkeypatch, gradients, mask, fraction, weights=None):
    """One RigL update of the first row with given gradients; returns the run."""
    trainer = prepared("rigl", 0.5, drop_noise=0.0, **{"drop.initial": fraction})
    run = trainer.run
    trainer._step(1)  # gives the optimizer a momentum buffer
    run.weights["0.weight"].copy_(torch.tensor([weights or ROWS[0], ROWS[1]]))
    masked(trainer, mask)
    run.mask_weights()
    buffer = 7.0 * run.masks["0.weight"]  # the momentum of masked entries is kept at 0 between updates
    run.optimizer.state[run.parameters["0.weight"]]["momentum_buffer"] = buffer
    wanted = NamedTensors({"0.weight": torch.tensor([gradients, [0.0] * 4], dtype=torch.float64)})
    monkeypatch.setattr(type(run), "gradients", lambda self, batches=1: wanted)
    run.at(0)
    trainer._update(run.method.update_masks)
    return run


def test_rigl_drops_the_smallest_and_grows_the_largest_gradient(monkeypatch):
    # Kept: 4 and −3; drop half of two, so one: −3. Largest gradient elsewhere: the last position.
    run = rigl_update(monkeypatch, [9.0, 0.1, 0.2, 5.0], [1.0, 1.0, 0.0, 0.0], fraction=0.5)
    assert run.masks["0.weight"].tolist() == [[1, 0, 0, 1], [0, 0, 0, 0]]
    assert run.weights["0.weight"][0].tolist() == [4, 0, 0, 0], "a new weight starts at 0"
    buffer = run.optimizer.state[run.parameters["0.weight"]]["momentum_buffer"]
    assert buffer[0].tolist() == [7, 0, 0, 0], "a new weight starts with zero momentum"


def test_rigl_lets_a_dropped_weight_return_with_its_value_and_momentum(monkeypatch):
    run = rigl_update(monkeypatch, [9.0, 8.0, 0.2, 5.0], [1.0, 1.0, 0.0, 0.0], fraction=0.5)
    assert run.masks["0.weight"].tolist() == [[1, 1, 0, 0], [0, 0, 0, 0]]
    assert run.weights["0.weight"][0].tolist() == [4, -3, 0, 0]
    assert run.optimizer.state[run.parameters["0.weight"]]["momentum_buffer"][0].tolist() == [7, 7, 0, 0]


def test_rigl_rounds_the_number_of_drops_down(monkeypatch):
    run = rigl_update(monkeypatch, [0.0, 0.0, 0.0, 9.0], [1.0, 1.0, 1.0, 0.0], fraction=0.6)
    assert run.masks["0.weight"][0].tolist() == [1, 1, 0, 1]  # int(3 · 0.6) = 1: only the 2 goes


def test_rigl_takes_the_step_of_an_update_away_only_in_the_paper_s_variant():
    def weights_after_an_update(**fields):
        trainer = prepared("rigl", 0.5, **fields)
        before = trainer.run.weights["0.weight"].clone()
        trainer._step(0)  # the schedule fires at 0
        return not torch.equal(before * trainer.run.masks["0.weight"], trainer.run.weights["0.weight"])

    assert weights_after_an_update()
    assert not weights_after_an_update(step_on_update=False)


def test_the_schedule_sets_what_update_masks_is_asked_for():
    trainer = prepared("gmp", 0.5, **{"schedule.every": 2, "schedule.start": 0.0, "schedule.until": 0.8})
    seen = []
    monkey = trainer.run.method.update_masks
    trainer.run.method.update_masks = lambda run: (seen.append((run.step, run.sparsity)), monkey(run))
    trainer.train()
    # Ten steps, ramp from 0 to step 8: 0.5 (1 − (1 − t/8)³) at 0 2 4 6, and the target at 8.
    assert [step for step, _ in seen] == [0, 2, 4, 6, 8]
    assert [value for _, value in seen] == pytest.approx([0.5 * (1 - (1 - t / 8) ** 3) for t in (0, 2, 4, 6, 8)])


def test_rigl_grows_by_the_gradient_before_anything_is_dropped():
    # x = (1, 2), label 0, W1 = [[1.5, 2], [·, ·]], W2 = [[·, ·], [1.5, 1]]; pruned are the dots, 0 with a gradient.
    #   h = (5.5, 0), logits (0, 8.25), δ = (−p, p);  |∂L/∂W1| / p = v_j x_i = [[1.5, 3], [1, 2]] for v = (1.5, 1);
    #   |∂L/∂W2| / p = [[5.5, 0], [5.5, 0]].
    # Half of each layer's two goes: W1's 1.5 and W2's 1. Largest among what is left: 2 in W1, 5.5 in W2. Had the 1 of
    # W2 been dropped first, nothing would flow to the second row of W1, and its 1.5 would come back.
    rows = [[1.5, 2.0], [0.0, 0.0]], [[0.0, 0.0], [1.5, 1.0]]
    method = catalog.create("rigl", {"drop.initial": 0.5, "drop_noise": 0.0})
    trainer = trainer_for(method, linear(*rows), [[1.0, 2.0]], [0], 0.5)
    for mask, weights in zip(trainer.run.masks.values(), rows, strict=True):
        mask.copy_((torch.tensor(weights) != 0).double())
    trainer.run.at(0)
    trainer._update(method.update_masks)
    assert trainer.run.masks["0.weight"].tolist() == [[0, 1], [0, 1]]
    assert trainer.run.masks["1.weight"].tolist() == [[1, 0], [1, 0]]
    assert trainer.run.weights["0.weight"].tolist() == [[0, 2], [0, 0]]

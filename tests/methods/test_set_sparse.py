"""Updates of SET on sparse matrices, against numpy and by hand."""

import numpy as np
import pytest
import torch

from bench import catalog
from bench.errors import UserError
from bench.tensors import NamedTensors
from tests.methods.by_hand import linear, trainer_for

NAME = "0.weight"
ROW = [4.0, 3.0, 2.0, 1.0, -0.5, 0.0, 0.0, 0.0]


def updated(monkeypatch, row, mask, drop=0.5, grown=None, momentum=None):
    """The stage after one update; `grown` are the draws that decide what is grown, and every new weight is −7 `std`."""
    method = catalog.create("set_sparse", {"drop": drop})
    trainer = trainer_for(method, linear([row], [[1.0]]), [[1.0] * len(row)], [0], 0.5)
    run = trainer.run
    run.masks[NAME].copy_(torch.tensor([mask]))
    run.masks["1.weight"].zero_()  # so that a full first layer makes no dense network, which is left alone
    run.mask_weights()
    if momentum is not None:
        run.optimizer.state[run.parameters[NAME]]["momentum_buffer"] = torch.tensor([momentum], dtype=torch.float64)
    fixed = {NAME: torch.tensor([grown or [0.5] * len(row)], dtype=torch.float64)}
    draws = NamedTensors(fixed | {"1.weight": torch.ones(1, 1, dtype=torch.float64)})
    monkeypatch.setattr(type(run), "random", lambda self: draws)
    monkeypatch.setattr(type(run), "normal", lambda self: draws * 0 - 7)
    run.at(5)
    trainer._update(method.update_masks)
    return run


def test_what_lies_between_the_thresholds_goes_and_drawn_weights_come(monkeypatch):
    # Sorted: −0.5 1 2 3 4, the smallest at place 0. From place ⌊0.5 · 0⌋ to place ⌊1 + 0.5 · 4⌋ they go: 4 stays.
    run = updated(monkeypatch, ROW, [1] * 5 + [0] * 3, grown=[0, 0, 0, 0.2, 0, 0.8, 0.9, 0.3])
    assert run.masks[NAME][0].tolist() == [1, 0, 0, 1, 0, 1, 1, 1]
    assert run.weights[NAME][0].tolist() == pytest.approx([4, 0, 0, -0.7, 0, -0.7, -0.7, -0.7])


def test_what_stays_keeps_its_momentum_and_what_is_new_has_none(monkeypatch):
    grown = [0, 0, 0, 0.2, 0, 0.8, 0.9, 0.3]
    run = updated(monkeypatch, ROW, [1] * 5 + [0] * 3, grown=grown, momentum=[7.0] * 5 + [0.0] * 3)
    momentum = run.optimizer.state[run.parameters[NAME]]["momentum_buffer"]
    assert momentum[0].tolist() == [7, 0, 0, 0, 0, 0, 0, 0]


def test_a_full_layer_has_its_weakest_weights_drawn_anew(monkeypatch):
    run = updated(monkeypatch, [4.0, -3.0, 2.0, -1.0], [1] * 4)
    # Sorted: −3 −1 2 4, the smallest at place 1: from place ⌊0.5⌋ to place ⌊2 + 0.5 · 2⌋, which is all.
    assert run.masks[NAME][0].tolist() == [1, 1, 1, 1]
    assert run.weights[NAME][0].tolist() == pytest.approx([-0.7] * 4)


def stays(row, drop):
    """Which of a layer's active weights lie beyond the thresholds of the code, by counting from the closest to 0."""
    values = sorted(row)
    closest = min(range(len(values)), key=lambda place: abs(values[place]))
    after = max(place for place in range(len(values)) if abs(values[place]) == abs(values[closest])) + 1
    below = values[int((1 - drop) * closest)]
    above = values[int(min(len(values) - 1, after + drop * (len(values) - after)))]
    return [value < below or value > above for value in row]


@pytest.mark.parametrize("seed", range(20))
def test_what_stays_of_a_random_layer_is_what_the_code_keeps(monkeypatch, seed):
    draws = np.random.default_rng(seed)
    active, drop = int(draws.integers(2, 40)), float(draws.choice([0.1, 0.3, 0.5]))
    row = [*draws.normal(draws.choice([-0.5, 0, 0.5]), 1, active), *[0.0] * 40]
    if seed % 4 == 0:
        row[0] = row[1] = 0.0  # two active weights that are exactly 0
    run = updated(monkeypatch, row, [1] * active + [0] * 40, drop, grown=[0.1] * active + [0.9] * 40)
    kept = run.masks[NAME][0, :active].bool().tolist()
    assert kept == stays(row[:active], drop)
    assert int(run.masks[NAME].sum()) == active


def test_new_weights_have_the_spread_that_is_asked_for():
    method = catalog.create("set_sparse", {"std": 0.3})
    trainer = trainer_for(method, linear([[1.0 + i / 1000 for i in range(400)]] * 10), [[1.0] * 400], [0], 0.5)
    trainer._update(method.on_train_start)
    assert trainer.run.masks.kept() == {NAME: 2000}
    old = trainer.run.masks.clone()
    trainer.run.at(5)
    trainer._update(method.update_masks)
    new = trainer.run.weights[NAME][(trainer.run.masks[NAME] == 1) & (trainer.run.weights[NAME] < 1)]
    assert trainer.run.masks.kept() == {NAME: 2000} and not torch.equal(old[NAME], trainer.run.masks[NAME])
    assert len(new) > 590  # 30 % of 2,000 went, and one more; a draw of 1 or more is beyond three deviations
    assert new.std().item() == pytest.approx(0.3, rel=0.12)  # of 600 draws: 3 %; four times that
    assert new.mean().item() == pytest.approx(0, abs=0.05)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"drop": 1.0}, r"^set_sparse\[drop\] has to be at least 0 and below 1, not 1\.0\.$"),
        ({"std": 0.0}, r"^set_sparse\[std\] has to be above 0 and at most 1000, not 0\.0\.$"),
    ],
)
def test_what_it_refuses(fields, message):
    with pytest.raises(UserError, match=message):
        catalog.create("set_sparse", fields)

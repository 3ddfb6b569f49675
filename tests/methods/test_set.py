"""SET: single updates, worked out by hand."""

import random

import pytest
import torch

from tests.methods.dynamic import NAME, draws, prepared, put


def set_update(monkeypatch, draw, **fields):
    run = (trainer := prepared("set", **{"drop": 0.5} | fields)).run
    row = [4.0, 3.0, 2.0, 1.0, -0.5, 0.0, 0.0, 0.0]
    mask = [1.0] * 5 + [0.0] * 3
    put(run, [row, row], [mask, [0.0] * 8], [[7.0] * 5 + [0.0] * 3, [0.0] * 8])
    run.mask_weights()
    draws(monkeypatch, run, random={NAME: [draw, [0.1] * 8]})
    run.at(5)
    trainer._update(run.method.update_masks)
    return run


def test_set_drops_a_fraction_of_each_sign(monkeypatch):
    # Positive: 4 3 2 1. The code keeps what is above the third smallest, ⌊0.5 · 4⌋ = 2 places after the first: 4.
    # Negative: ⌊0.5 · 1⌋ = 0 are kept. Four go, and the four free positions with the largest draws come.
    run = set_update(monkeypatch, [0, 0, 0, 0.2, 0, 0.8, 0.9, 0.3])
    assert run.masks[NAME][0].tolist() == [1, 0, 0, 1, 0, 1, 1, 1]
    assert run.weights[NAME][0].tolist() == [4, 0, 0, 0, 0, 0, 0, 0]


def kept_by_threshold(row, fraction):
    """What the authors' code keeps of a layer with free positions: beyond two of its sorted values."""
    values = torch.tensor(row).sort().values
    negative, positive = int((values < 0).sum()), int((values > 0).sum())
    below = values[int((1 - fraction) * negative)]
    above = values[min(len(values) - 1, len(values) - positive + int(fraction * positive))]
    return [bool(value < below or value > above) for value in row]


@pytest.mark.parametrize("seed", range(20))
def test_set_keeps_what_lies_beyond_the_thresholds_of_the_code(monkeypatch, seed):
    draw = random.Random(seed)
    row = [draw.choice([0.0, draw.gauss(draw.choice([-0.5, 0, 0.5]), 1)]) for _ in range(40)] + [0.0]
    mask = [float(value != 0 or draw.random() < 0.2) for value in row[:-1]] + [0.0]  # some that are active are 0
    run = prepared("set", ([row], [[1.0]])).run
    run.masks[NAME].copy_(torch.tensor([mask]))
    left = {}
    grow = run.masks.grow
    monkeypatch.setattr(run.masks, "grow", lambda **given: (left.update(run.masks.clone()), grow(**given)))
    run.at(5)
    run.method.update_masks(run)
    assert left[NAME][0].tolist() == kept_by_threshold(row, 0.3)
    assert int(run.masks[NAME].sum()) == sum(mask)


def test_set_drops_by_magnitude_if_asked(monkeypatch):
    # |w|: 4 3 2 1 0.5; int(2.5) = 2 go: −0.5 and 1.
    run = set_update(monkeypatch, [0, 0, 0, 0.2, 0, 0.8, 0.9, 0.3], split_signs=False)
    assert run.masks[NAME][0].tolist() == [1, 1, 1, 0, 0, 1, 1, 0]


def test_set_starts_a_weight_that_is_drawn_again_at_zero(monkeypatch):
    run = set_update(monkeypatch, [0, 0, 0.1, 0.95, 0, 0.8, 0.2, 0.3], split_signs=False)
    assert run.masks[NAME][0].tolist() == [1, 1, 1, 1, 0, 1, 0, 0]
    assert run.weights[NAME][0].tolist() == [4, 3, 2, 0, 0, 0, 0, 0]
    momentum = run.optimizer.state[run.parameters[NAME]]["momentum_buffer"]
    assert momentum[0].tolist() == [7, 7, 7, 0, 0, 0, 0, 0], "others keep their momentum"


def test_set_begins_with_a_new_optimizer_as_the_code_does(monkeypatch):
    run = set_update(monkeypatch, [0, 0, 0, 0.2, 0, 0.8, 0.9, 0.3])
    assert not any(bool(state["momentum_buffer"].any()) for state in run.optimizer.state.values())


def test_set_anneals_its_fraction_only_if_asked():
    for anneal, expected in ((False, [0.3, 0.3, 0.3]), (True, [0.3, 0.15, 0.0])):
        run = prepared("set", anneal=anneal).run
        found = []
        for step in (0, 5, 10):  # of ten
            run.step = step
            found.append(run.method._fraction(run))
        assert found == pytest.approx(expected)

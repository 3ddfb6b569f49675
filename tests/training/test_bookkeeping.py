"""What a training costs, worked out by hand: layers a (4 weights, 100 multiply-adds) and b (2 weights, 10)."""

import random

import pytest
import torch

from bench.allocation import Global
from bench.counting.macs import TrainingMacs
from bench.masks import Masks
from bench.structure import Weights
from bench.training.bookkeeping import Bookkeeping
from bench.training.tally import Tally
from bench.zeros import Alive, Gone
from tests.contract.tape import tape

DENSE, SIZES = {"a": 100, "b": 10}, {"a": 4, "b": 2}


def begun(zeros):
    """Books of a stage whose masks are all ones, and these."""
    masks = Masks({name: torch.ones(size) for name, size in SIZES.items()}, Global(), Weights())
    books = Bookkeeping(TrainingMacs(DENSE, SIZES, zeros))
    books.masks_are(masks)
    return books, masks


def set_to(masks, a, b):
    """Other masks, and a copy of those before."""
    before = masks.clone()
    masks["a"].copy_(torch.tensor(a))
    masks["b"].copy_(torch.tensor(b))
    return before


def test_steps_cost_what_the_masks_of_their_moment_leave():
    books, masks = begun(Gone())
    books.trained(2)  # 2 · 3 · 110
    before = set_to(masks, [1, 0, 0, 1], [0, 1])  # half of a and of b are left: 55
    books.scored(4)  # 4 · 3 · 110: at the masks before
    books.masks_are(masks, before)
    books.scored(1)  # 2 · 55 + 110
    books.trained(2)  # 2 · 3 · 55
    progress = Tally()
    books.settle(progress)
    assert progress.training_macs == 660 + 1320 + 220 + 330
    assert progress.changed == 3 / 6


def test_where_masked_weights_get_gradients_those_are_dense():
    books, masks = begun(Alive())
    books.masks_are(masks, set_to(masks, [1, 0, 0, 1], [0, 1]))
    books.trained(2)  # 2 · (2 · 55 + 110)
    progress = Tally()
    books.settle(progress)
    assert progress.training_macs == 440


def test_what_was_settled_is_not_counted_again_and_its_masks_go_on():
    books, masks = begun(Gone())
    progress = Tally()
    books.masks_are(masks, set_to(masks, [0, 0, 0, 0], [1, 1]))
    books.settle(progress)
    books.trained(1)  # b alone
    books.settle(progress)
    books.settle(progress)
    assert (progress.training_macs, progress.changed) == (30, 4 / 6)


def test_entries_that_flip_and_flip_back_changed_twice():
    books, masks = begun(Gone())
    books.masks_are(masks, set_to(masks, [0, 1, 1, 1], [1, 1]))
    books.masks_are(masks, set_to(masks, [1, 1, 1, 1], [1, 1]))
    progress = Tally()
    books.settle(progress)
    assert progress.changed == 1 / 6 + 1 / 6


def test_settling_late_gives_the_bits_of_settling_always():
    ends = []
    for always in (True, False):
        books, masks = begun(Gone())
        progress, draw = Tally(training_macs=0.1), random.Random(0)
        for _ in range(200):
            a, b = ([draw.randrange(2) for _ in range(size)] for size in SIZES.values())
            books.masks_are(masks, set_to(masks, a, b))
            books.trained(draw.randrange(1, 7))
            if always:
                books.settle(progress)
        books.settle(progress)
        ends.append((progress.training_macs, progress.changed))
    assert ends[0] == ends[1]


def test_nothing_is_asked_for_until_then():
    books, masks = begun(Gone())
    tape(lambda: books.masks_are(masks, set_to(masks, [1, 0, 0, 1], [0, 1])))  # raises where a value is asked for
    with pytest.raises(RuntimeError, match="asks for the value"):
        tape(lambda: bool(masks["a"].sum()))


def test_what_a_training_cost_until_it_failed_is_kept():
    books, _ = begun(Gone())
    progress = Tally()
    with pytest.raises(KeyError), books.open(progress):
        books.trained(1)
        raise KeyError
    assert progress.training_macs == 330


def test_large_layers_are_counted_exactly():
    """Single precision stops counting ones at 2²⁴."""
    size = 2**24 + 3
    masks = Masks({"a": torch.ones(size)}, Global(), Weights())
    books = Bookkeeping(TrainingMacs({"a": size}, {"a": size}, Gone()))
    books.masks_are(masks)
    masks["a"][0] = 0
    books.masks_are(masks)
    books.trained(1)
    progress = Tally()
    books.settle(progress)
    assert progress.training_macs == 3 * (size - 1)

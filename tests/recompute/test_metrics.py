"""Measures on a handful of images whose answers are worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch

from bench.recompute import metrics
from bench.recompute.near_ties import near_ties

LOGITS = torch.tensor(
    [
        [3.0, 2.0, 1.0],  # class 0
        [1.0, 1.00005, 0.0],  # class 1, nearly tied with 0
        [0.0, 0.0, 0.0],  # a tie at zero
        [-2.0, -1.0, -1.0002],  # class 1, not tied: 2e-4 apart
        [10.0, 9.9989, 9.998],  # class 0: 1.1e-4 apart
    ]
)
LABELS = torch.tensor([0, 0, 2, 1, 1])


def test_near_ties_are_relative_and_count_exact_ties() -> None:
    assert near_ties(LOGITS).tolist() == [False, True, True, False, False]


def test_near_ties_of_the_kth_place_are_those_with_the_next() -> None:
    assert near_ties(LOGITS, 2).tolist() == [False, False, True, False, True]


def test_accuracy_and_error() -> None:
    found = metrics.accuracy(LOGITS[[0, 1, 3, 4]], LABELS[[0, 1, 3, 4]])
    assert (found.value, found.near_ties, found.reach) == (50.0, 1, 25.0)
    wrong = metrics.error(LOGITS[[0, 1, 3]], LABELS[[0, 1, 3]])
    assert wrong.value == pytest.approx(100 / 3)
    assert (wrong.near_ties, wrong.reach) == (1, pytest.approx(100 / 3))


def test_the_label_may_be_among_the_k_largest() -> None:
    assert metrics.accuracy(LOGITS[[0, 1, 3, 4]], LABELS[[0, 1, 3, 4]], k=2).value == 100.0


def test_in_a_mean_of_batches_the_last_image_weighs_as_much_as_the_first_two() -> None:
    chosen = [0, 1, 4]  # right, wrong and nearly tied; wrong
    found = metrics.mean_of_batch_accuracies(LOGITS[chosen], LABELS[chosen], 2)
    assert (found.value, found.near_ties, found.reach) == (25.0, 1, 25.0)


def test_losses() -> None:
    even = torch.zeros(3, 4)
    even[2, 1] = math.log(3)  # half of the probability
    labels = torch.tensor([0, 3, 1])
    assert metrics.loss(even, labels).value == pytest.approx((2 * math.log(4) + math.log(2)) / 3, abs=1e-7)
    found = metrics.mean_of_batch_losses(even, labels, 2)
    assert found.value == pytest.approx((math.log(4) + math.log(2)) / 2, abs=1e-7)
    assert found.near_ties is None

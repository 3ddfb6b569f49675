"""The nearest subset sum, against every subset there is."""

from __future__ import annotations

from itertools import chain, combinations

import numpy as np
import pytest
import torch

from bench.archs.lenet import Perceptron
from bench.recompute.question import Question
from bench.recompute.sources import optimal_lottery_tickets as source
from tests.recompute.brought import brought


def subsets(numbers: list[float]) -> list[tuple[float, ...]]:
    return list(chain.from_iterable(combinations(numbers, size) for size in range(len(numbers) + 1)))


@pytest.mark.parametrize("size", [1, 2, 7])
def test_no_subset_is_nearer(size: int) -> None:
    random = np.random.RandomState(size)
    numbers, targets = random.uniform(-1, 2, size), random.uniform(-4, 9, 50)
    found, used = source.nearest(targets, numbers)
    every = subsets(numbers.tolist())
    for target, value, count in zip(targets, found, used, strict=True):
        best = min(every, key=lambda subset: abs(sum(subset) - target))
        assert value == pytest.approx(sum(best))
        assert count == len(best)


def test_the_empty_subset_and_the_whole_one_count() -> None:
    found, used = source.nearest(np.array([-1.0, 0.01, 60.0]), np.array([10.0, 20.0, 30.0]))
    assert found.tolist() == [0.0, 0.0, 60.0]
    assert used.tolist() == [0, 0, 3]


def test_rows_take_their_numbers_in_order() -> None:
    network = Perceptron((3,), 2, img_size=(1, 4))
    for layer in (network.fc1, network.fc):
        layer.register_parameter("bias", None)
    before = [parameter.detach().clone() for parameter in network.parameters()]
    low, high = (float(torch.cat([each.flatten() for each in before]).aminmax()[side]) for side in (0, 1))
    total, left = source.subset_sums(network, 5, seed=1)
    assert total == 5 * (3 * 4 + 2 * 3)
    # Five rows with five numbers each, as if drawn at once.
    drawn = np.random.RandomState(1).uniform(low, high, (5, 5))
    rows = [row for each in before for row in each]
    expected = [source.nearest(row.double().numpy(), numbers) for row, numbers in zip(rows, drawn, strict=True)]
    assert left == sum(int(used.sum()) for _, used in expected)
    after = [row for parameter in network.parameters() for row in parameter.detach()]
    for row, (found, _) in zip(after, expected, strict=True):
        assert torch.allclose(row.double(), torch.from_numpy(found), atol=1e-6)


def test_a_search_is_a_part_of_its_own() -> None:
    asked = [Question("a", "two-layer", "evaluate", {}, ()), Question("b", "two-layer", "subset_sums", {"seed": 1}, ())]
    assert [source.part(question) for question in asked] == ["two-layer-evaluate", "two-layer-subset_sums-1"]


def test_published_networks_have_the_printed_sizes() -> None:
    network = source.load("lenet-5", brought("optimal_lottery_tickets", "lenet-5"))
    assert sum(parameter.numel() for parameter in network.parameters()) == 61_470

"""Exact selection against sorting."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.selection import _by_histograms, _by_partition, largest

values = st.lists(st.floats(-(2.0**100), 2.0**100, width=32), min_size=1, max_size=60)


@settings(deadline=None)  # torch's first calls take long on a busy machine
@given(values, st.data(), st.sampled_from([torch.float32, torch.float64]))
def test_exactly_k_and_nothing_left_out_is_larger(numbers, data, dtype):
    tensor = torch.tensor(numbers, dtype=dtype)
    k = data.draw(st.integers(0, len(numbers)))
    mask = largest(tensor, k)
    assert int(mask.sum()) == k
    if 0 < k < len(numbers):
        assert tensor[mask].min() >= tensor[~mask].max()


@settings(deadline=None)
@given(st.integers(0, 12))
def test_ties_by_index_without_a_generator(k):
    assert largest(torch.ones(12), k).nonzero().flatten().tolist() == list(range(k))


def test_ties_by_a_seeded_permutation():
    def pick(seed):
        return largest(torch.ones(1000), 10, torch.Generator().manual_seed(seed)).nonzero().flatten().tolist()

    assert pick(0) == pick(0) != pick(1)
    assert max(pick(0)) > 100  # by index it would be 0 … 9


def test_what_is_above_the_threshold_is_kept_whatever_the_ties():
    tensor = torch.tensor([1.0, 5.0, 1.0, 1.0, 7.0])
    for seed in range(5):
        mask = largest(tensor, 3, torch.Generator().manual_seed(seed))
        assert mask[1] and mask[4] and int(mask.sum()) == 3


def test_negative_zero_ties_with_zero_and_infinities_are_in_order():
    assert largest(torch.tensor([-0.0, 0.0, -1.0]), 1).tolist() == [True, False, False]
    assert largest(torch.tensor([torch.inf, -torch.inf, 0.0]), 2).tolist() == [True, False, True]


def test_float64_differences_below_float32_resolution_count():
    tensor = torch.tensor([1.0, 1.0 + 1e-12, 1.0 - 1e-12], dtype=torch.float64)
    assert largest(tensor, 1).tolist() == [False, True, False]


def test_the_count_must_be_possible():
    with pytest.raises(ValueError, match="cannot keep 4 of 3"):
        largest(torch.ones(3), 4)


@settings(deadline=None)
@given(values, st.data(), st.sampled_from([torch.float32, torch.float64]), st.sampled_from([0, 5, 1000]))
def test_the_way_of_gpus_finds_the_same_threshold(numbers, data, dtype, few):
    """On the CPU here; with few values it only sorts, so the limit below which it does is lowered."""
    tensor = torch.tensor(numbers, dtype=dtype)
    k = data.draw(st.integers(1, len(numbers)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bench.selection._FEW", few)
        found = _by_histograms(tensor, k)
    assert found == _by_partition(tensor, k) == tensor.sort(descending=True).values[k - 1]


def test_both_ways_among_many_values_and_ties():
    drawn = torch.Generator().manual_seed(0)
    for tensor in (torch.randn(100_000, generator=drawn), torch.randint(-3, 3, (100_000,), generator=drawn).float()):
        for k in (1, 777, 50_000, 99_999):
            assert _by_histograms(tensor, k) == _by_partition(tensor, k) == tensor.sort(descending=True).values[k - 1]

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.data.split import stratified


@given(st.data())
def test_each_class_is_represented_to_within_one_image(data: st.DataObject) -> None:
    labels = np.array(data.draw(st.lists(st.integers(0, 4), min_size=1, max_size=60)))
    count = data.draw(st.integers(0, len(labels)))
    chosen = stratified(labels, count, "test")
    assert chosen.dtype == np.int64
    assert len(chosen) == count
    assert np.all(np.diff(chosen) > 0)  # increasing, hence no image twice
    sizes = np.bincount(labels, minlength=5)
    share = count * sizes / len(labels)
    assert np.all(np.abs(np.bincount(labels[chosen], minlength=5) - share) < 1)


def test_equal_remainders_go_to_the_smaller_classes() -> None:
    # Shares of 1.5 each: two classes of three get a second image.
    labels = np.array([0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3])
    assert np.bincount(labels[stratified(labels, 6, "test")]).tolist() == [2, 2, 1, 1]


def test_the_choice_never_changes() -> None:
    # Another choice would change every validation split. The frozen order begins 7 8 0 5 16 6 10 15: the first three
    # even numbers (class 0) are 8, 0, 16; the first three odd ones (class 1) are 7, 5, 15.
    assert stratified(np.arange(20) % 2, 6, "validation").tolist() == [0, 5, 7, 8, 15, 16]


def test_purposes_choose_differently() -> None:
    labels = np.arange(200) % 2
    one, other = stratified(labels, 20, "validation"), stratified(labels, 20, "digits")
    assert one.tolist() != other.tolist()


@pytest.mark.parametrize("count", [0, 7])
def test_nothing_and_everything(count: int) -> None:
    assert stratified(np.array([3, 3, 0, 1, 1, 1, 3]), count, "test").tolist() == list(range(count))

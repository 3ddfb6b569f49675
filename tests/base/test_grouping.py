"""Values by their keys."""

from __future__ import annotations

from bench.base.grouping import grouped, tallied


def test_keys_and_values_keep_their_order() -> None:
    pairs = [("b", 3), ("a", 1), ("b", 2), ("b", 3)]
    assert list(grouped(iter(pairs)).items()) == [("b", [3, 2, 3]), ("a", [1])]


def test_values_of_a_key_are_counted() -> None:
    assert tallied([("b", 3), ("a", 1), ("b", 2), ("b", 3)]) == {"b": {3: 2, 2: 1}, "a": {1: 1}}

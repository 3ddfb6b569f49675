"""How points are written: as ever where six digits tell them apart, and never two of them alike."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.base.spelling import EXACT, Spelling, exact

points = st.sampled_from((0.5, 0.9, 0.95, 1 / 3, 0.999999, 1 - 2**-53, 0.1 + 0.2, 0.3)) | st.floats(0, 1)


def test_six_digits_where_they_tell_points_apart() -> None:
    found = Spelling.of([0.9, 0.95, 1 - 0.8**10, 0.0])
    assert [found.number(point) for point in (0.9, 0.95, 1 - 0.8**10, 0.0)] == ["0.9", "0.95", "0.892626", "0"]
    assert [found.percent(point) for point in (0.9, 0.95, 1 - 0.8**10, 0.0)] == ["90 %", "95 %", "89.2626 %", "0 %"]


def test_more_digits_where_siblings_need_them_and_only_where_a_point_has_them() -> None:
    found = Spelling.of([0.9, 0.89262581, 0.89262579])  # their sixth digits round to the same, and so do the seventh's
    assert [found.number(point) for point in (0.9, 0.89262581, 0.89262579)] == ["0.9", "0.89262581", "0.89262579"]
    assert found.percent(0.89262581) == "89.262581 %"
    assert found.percent(1 - 10**-0.5) == "68.3772 %"  # no sibling is near


def test_nothing_below_1_is_written_as_1() -> None:
    assert Spelling.of([0.9999999]).percent(0.9999999) == "99.99999 %"
    assert Spelling.of([1.0]).percent(1.0) == "100 %"


@pytest.mark.parametrize("point", [0.5, 0.95, 0.29, 1 / 3, 1 - 2**-53, 1e-07])
def test_siblings_that_differ_in_the_last_bit_only(point: float) -> None:
    above = math.nextafter(point, 2)
    found = Spelling.of([point, above, 0.95])
    assert EXACT.number(point) == exact(point)
    assert found.number(point) != found.number(above) and found.percent(point) != found.percent(above)
    assert (found.number(0.95), found.percent(0.95), found.percent(0.5)) == ("0.95", "95 %", "50 %")


def test_a_name_for_the_dense_network_and_a_list_of_targets() -> None:
    found = Spelling.of([None, math.nan, 0.9, 0.98])
    assert (found.name(None), found.name(0.9)) == ("dense", "90 %")
    assert (found.at(0.9, 0.98), found.at(math.nan)) == (" at 90 % and 98 %", "")


@given(st.lists(points, unique=True, max_size=8))
def test_no_two_points_are_written_alike(some: list[float]) -> None:
    found = Spelling.of(some)
    for write in (found.number, found.percent):
        texts = [write(point) for point in some]
        assert len(set(texts)) == len(texts)
        assert all(
            float(text.removesuffix(" %")) != (1 if write == found.number else 100)
            for text, point in zip(texts, some, strict=True)
            if point != 1
        )


@given(st.lists(st.integers(0, 999_999).map(lambda whole: whole / 10**6), unique=True, max_size=8))
def test_points_of_six_digits_are_written_as_ever(some: list[float]) -> None:
    found = Spelling.of(some)
    assert [found.number(point) for point in some] == [f"{point:g}" for point in some]
    assert [found.percent(point) for point in some] == [f"{100 * point:.6g} %" for point in some]


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_what_is_exact_reads_back_as_the_same(number: float) -> None:
    assert float(exact(number)) == number


def test_what_is_exact_is_short_where_it_can_be() -> None:
    assert [exact(number) for number in (0.9, 1.0, 1e-06, 1 / 3)] == ["0.9", "1", "1e-06", "0.3333333333333333"]

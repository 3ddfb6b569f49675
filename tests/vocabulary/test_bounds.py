"""Intervals that classes state for their fields."""

import math
from dataclasses import dataclass
from typing import ClassVar

import pytest

from bench import catalog
from bench.base.bounds import Interval, stated
from bench.errors import UserError
from tests.vocabulary.test_catalog import folder

__all__ = ["folder"]


@pytest.mark.parametrize(
    ("text", "inside", "without", "words"),
    [
        ("[0, 1)", [0, 0.5], [-0.1, 1, math.nan], "at least 0 and below 1"),
        ("(0, 1]", [1e-9, 1], [0, 1.1], "above 0 and at most 1"),
        ("[1, 1e9]", [1, 10**9], [0, 10**9 + 1, math.inf], "from 1 to 1,000,000,000"),
        ("(0, inf)", [1e300], [0, math.inf, -1], "above 0"),
        ("(-inf, 3)", [-1e300, 2], [3, -math.inf], "below 3"),
    ],
)
def test_an_interval_is_read_and_said(text, inside, without, words):
    interval = Interval.read(text)
    assert all(number in interval for number in inside)
    assert not any(number in interval for number in without)
    assert str(interval) == words


@pytest.mark.parametrize("text", ["", "0, 1", "[1, 0]", "[1, 1]", "[a, b]", "[0, nan]", "[0 1]", "[0, 1, 2]", "{0, 1}"])
def test_what_is_no_interval_is_no_interval(text):
    with pytest.raises(ValueError):
        Interval.read(text)


def test_a_parent_s_bounds_hold_unless_the_child_states_others():
    @dataclass
    class Parent:
        a: int = 1
        b: int = 1
        bounds: ClassVar = {"a": "[0, 9]", "b": "[0, 9]"}

    @dataclass
    class Child(Parent):
        c: int = 1
        bounds: ClassVar = {"b": "[1, 2]", "c": "[0, 1]"}

    assert {name: str(interval) for name, interval in stated(Child).items()} == {
        "a": "from 0 to 9",
        "b": "from 1 to 2",
        "c": "from 0 to 1",
    }


METHOD = "from bench.method import Method\nclass Mine(Method):\n    strength: float = 2.0\n    words: str = 'a'\n"


def test_a_method_may_state_bounds_or_leave_it(folder):
    (folder / "mine.py").write_text(METHOD)
    assert catalog.create("mine", {"strength": -1e9}).strength == -1e9
    catalog.method_class.cache_clear()
    (folder / "bounded.py").write_text(METHOD.replace("Mine", "Bounded") + "    bounds = {'strength': '[0, 3)'}\n")
    assert catalog.create("bounded", {"strength": 0}).strength == 0
    with pytest.raises(UserError, match=r"^bounded\[strength\] has to be at least 0 and below 3, not 3\.$"):
        catalog.create("bounded", {"strength": 3})


@pytest.mark.parametrize(
    ("name", "statement", "sentence"),
    [
        ("one", "('strength', '[0, 1]')", "One.bounds has to map fields to intervals"),
        ("two", "{'strenght': '[0, 1]'}", "Two.bounds: there is no field 'strenght'; did you mean 'strength'"),
        ("three", "{'strength': 3}", "3 of 'strength' is no interval such as"),
        ("four", "{'strength': '[0, 1['}", "is no interval such as"),
        ("five", "{'strength': '[0, 1]'}", r"the default of 'strength' has to be from 0 to 1, not 2.0"),
    ],
)
def test_wrong_statements_are_said_of_the_file(folder, name, statement, sentence):
    (folder / f"{name}.py").write_text(f"{METHOD.replace('Mine', name.capitalize())}    bounds = {statement}\n")
    assert list(catalog.problems()) == [name]
    with pytest.raises(UserError, match=f"^methods/{name}.py cannot be used: .*{sentence}"):
        catalog.create(name, {})

"""What `reprune methods` prints."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

import methods
from bench import catalog
from bench.commands.listing import methods as listing
from bench.schedule import Cubic, Doubling
from bench.zeros import Alive, Zeros

METHOD = '''
"""A method."""

from bench.method import Method
from bench.schedule import Cubic


class Mine(Method):
    """``Written`` here,
    on two lines.

    And more.
    """

    schedule = Cubic(every=7)
    joint = True
    meaning = "reached"
    batches: int = 3
    names: tuple[str, ...] = ("a", "b")
'''


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.py").write_text(METHOD)
    (tmp_path / "broken.py").write_text("import nothing_like_it")
    monkeypatch.setattr(methods, "__path__", [str(tmp_path)])
    monkeypatch.delitem(sys.modules, "methods.mine", raising=False)
    catalog.method_class.cache_clear()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.3, "0.3"),
        (True, "true"),
        (None, "none"),
        ("shuffle", "shuffle"),
        (("a", "b"), "[a, b]"),
        (Cubic(), "cubic"),
        (Cubic(every=16, until="second_drop"), "cubic[every=16,until=second_drop]"),
        (Doubling(at=(0.125, 0.4)), "doubling[at=[0.125, 0.4]]"),
        (Cubic(start=1 / 3), "cubic[start=0.3333]"),
        (Alive(), "alive"),
        (Zeros(state="live"), "zeros[state=live]"),
    ],
)
def test_defaults_are_shown_as_a_grid_writes_them(value: object, text: str) -> None:
    assert listing.brief(value) == text


def test_one_method_for_programs(mine: None) -> None:
    assert listing.describe("mine") == {
        "name": "mine",
        "summary": "Written here, on two lines.",
        "hyperparameters": {
            "schedule": "Cubic(every=7, start=0.0, until=1.0, offset=0, initial=0.0, reselect=False)",
            "allocation": "Global()",
            "structure": "Weights()",
            "zeros": "Gone(value='zero', gradient='zero', state='zero')",
            "step_on_update": True,
            "batches": 3,
            "names": ("a", "b"),
        },
        "meaning": "reached",
        "joint": True,
        "card": None,
    }


def test_broken_files_are_named_apart(mine: None, capsys: pytest.CaptureFixture[str]) -> None:
    listing.show(None, as_json=True)
    printed = capsys.readouterr()
    assert [method["name"] for method in json.loads(printed.out)] == ["mine"]
    assert printed.err.startswith("reprune: methods/broken.py cannot be loaded") and printed.err.count("\n") == 1
    listing.show(None, as_json=False)
    printed = capsys.readouterr()
    assert "all in one run" in printed.out and "an outcome" in printed.out
    # What every method has is not repeated for each.
    assert "schedule = cubic[every=7]" in printed.out and "allocation" not in printed.out
    assert printed.err.count("\n") == 1


def test_one_method_for_people(mine: None, capsys: pytest.CaptureFixture[str]) -> None:
    listing.show("mine", as_json=False)
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["``Written``", "here,", "on", "two", "lines."] in lines
    assert ["schedule.every", "7", "int,", "from", "1", "to", "1,000,000,000"] in lines
    assert ["batches", "3", "int"] in lines
    assert ["There", "is", "no", "card", "docs/methods/mine.md", "yet."] in lines


def test_a_card_is_shown_with_its_method(capsys: pytest.CaptureFixture[str]) -> None:
    assert listing.describe("dpf")["card"] == "docs/methods/dpf.md"
    listing.show("dpf", as_json=False)
    assert "No official code is public." in " ".join(capsys.readouterr().out.split())

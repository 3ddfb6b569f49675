"""The skeleton of a method works as it is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import methods
from bench import catalog
from bench.base import reported
from bench.commands.skeleton import create
from bench.errors import UserError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder whose files are methods too."""
    monkeypatch.setattr(methods, "__path__", [str(tmp_path), *methods.__path__])
    catalog.method_class.cache_clear()
    yield tmp_path
    catalog.method_class.cache_clear()


def test_the_skeleton_is_short_and_a_method(folder: Path) -> None:
    path = create("my_own_idea")
    assert path == folder / "my_own_idea.py"
    assert len(path.read_text().splitlines()) <= 17
    assert "my_own_idea" not in catalog.problems()
    assert catalog.create("my_own_idea", {"strength": 2}).hyperparameters["strength"] == 2.0


def test_the_line_on_diagnostics_needs_only_its_mark_taken_away(folder: Path) -> None:
    path = create("told_of_angles")
    path.write_text(path.read_text().replace("# reports", "reports"))
    (told,) = reported.stated(catalog.method_class("told_of_angles")).values()
    assert (told.title, told.better) == ("Angle", "lower")


@pytest.mark.parametrize("name", ["", "My", "two words", "2nd", "class", "a-b", "_hidden", "../up"])
def test_a_name_that_cannot_be_a_file_of_ours_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot name a method"):
        create(name, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_existing_method_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("precious")
    with pytest.raises(UserError, match="exists already"):
        create("mine", tmp_path)
    assert (tmp_path / "mine.py").read_text() == "precious"

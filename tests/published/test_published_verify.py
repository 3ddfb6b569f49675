"""A row that somebody has read becomes primary; nothing else of its file changes."""

from __future__ import annotations

import csv
import shutil
from datetime import date
from pathlib import Path

import pytest

from bench import published
from bench.errors import UserError
from bench.published.verify import Reading, verify
from tests.commands.test_cli import reprune  # noqa: F401
from tests.published.test_published import VALID, write

DAY = date(2030, 1, 2)
RECALLED = VALID | {
    "id": "recalled",
    "std": "0.3",
    "std_kind": "std",
    "n_seeds": "3",
    "source": "memory",
    "verified": "unverified",
    "note": "Recalled, never read in a source: check against the paper. Dropped in the rebuttal.",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path, VALID, RECALLED, VALID | {"id": "copy", "verified": "secondary", "duplicate_of": "a-1"})


def fields(folder: Path, row: str) -> dict[str, str]:
    with (folder / "a.csv").open(newline="") as stream:
        return next(line for line in csv.DictReader(stream) if line["id"] == row)


def test_a_number_that_agrees(folder: Path) -> None:
    done = verify("recalled", Reading("91.50", "7", std="0.3", seeds=3, day=DAY), folder)
    assert done.differences == ()
    now = fields(folder, "recalled")
    assert (now["verified"], now["source"], now["value"], now["reading_error"]) == (
        *("primary", "the paper, page 7", "91.50"),
        "0.005",  # half a unit of the last digit printed
    )
    assert now["note"] == "Dropped in the rebuttal. Read on page 7 on 2030-01-02."
    assert {name for name in now if now[name] != (RECALLED | {"duplicate_of": ""}).get(name, "")} == {
        *("verified", "source", "value", "reading_error", "note")
    }


def test_numbers_that_differ_are_recorded_in_the_note(folder: Path) -> None:
    done = verify("recalled", Reading("92", "A.3", std="0.25", seeds=5, day=DAY), folder)
    assert done.differences == ("value 91.5", "std 0.3", "seeds 3")
    assert (done.row.value, done.row.std, done.row.n_seeds, done.row.reading_error) == (92, 0.25, 5, 0.5)
    assert done.row.note.endswith("Was recorded before with value 91.5, std 0.3, seeds 3.")
    assert published.load(folder).rows[1].value == 92


def test_only_its_line_changes(folder: Path) -> None:
    path = folder / "a.csv"
    before = path.read_bytes().splitlines(keepends=True)
    verify("recalled", Reading("91.5", "7", day=DAY), folder)
    after = path.read_bytes().splitlines(keepends=True)
    assert [number for number, pair in enumerate(zip(before, after, strict=True)) if pair[0] != pair[1]] == [2]


def test_a_row_of_two_lines_is_replaced_whole(tmp_path: Path) -> None:
    broken = RECALLED | {"note": "one\ntwo"}
    folder = write(tmp_path, VALID | {"duplicate_of": ""}, broken, VALID | {"id": "last"})
    verify("recalled", Reading("91.5", "7", day=DAY), folder)
    assert [one.id for one in published.load(folder).rows] == ["a-1", "recalled", "last"]


@pytest.mark.parametrize(
    ("row", "reading", "message"),
    [
        ("nothing", Reading("91.5", "7"), "there is no published row 'nothing'; `reprune published` finds their ids."),
        ("a-1", Reading("91.5", "7"), "row 'a-1' was already verified (the paper)."),
        ("copy", Reading("91.5", "7"), "row 'copy' is a copy: verify 'a-1' instead."),
        ("recalled", Reading("much", "7"), "--value 'much' is not a number."),
        ("recalled", Reading("nan", "7"), "--value 'nan' is not a number."),
        ("recalled", Reading("191.5", "7"), "field 'value'"),
        ("recalled", Reading("91.5", "7", std="-1"), "field 'std'"),
    ],
)
def test_what_is_refused_leaves_the_file_alone(folder: Path, row: str, reading: Reading, message: str) -> None:
    before = (folder / "a.csv").read_bytes()
    with pytest.raises(UserError) as error:
        verify(row, reading, folder)
    assert message in str(error.value)
    assert "\n" not in str(error.value)
    assert (folder / "a.csv").read_bytes() == before


def test_every_committed_file_keeps_its_other_lines(tmp_path: Path) -> None:
    shutil.copytree(published.PUBLISHED, tmp_path / "published")
    row = next(one for one in published.load().rows if one.verified == "unverified" and not one.duplicate_of)
    done = verify(row.id, Reading(f"{row.value:g}", "1", day=DAY), tmp_path / "published")
    before = (published.PUBLISHED / done.path.name).read_bytes().splitlines()
    after = done.path.read_bytes().splitlines()
    assert sum(one != other for one, other in zip(before, after, strict=True)) == 1


def test_the_command_says_loudly_what_differs(folder: Path, reprune, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    monkeypatch.setattr("bench.published.verify.verify.__defaults__", (folder,))
    status, out, err = reprune("published", "verify", "recalled", "--value", "92.0", "--page", "7")
    assert status == 0
    assert err.startswith("ATTENTION: recalled had value 91.5.")
    assert out.startswith("recalled is primary now: 92.0, page 7 (")

"""Characters that move a cursor or turn a line around, sent by strangers: shown as escapes, never as they are."""

from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path

import pytest

from bench.base import visible
from bench.commands import cli
from bench.errors import UNPRINTABLE
from bench.results.record import parse, read
from tests import factories
from tests.hostile.test_strangers import folder as folder
from tests.merging.folders import run

HOSTILE = "\x1b]0;renamed\x07 \x1b[2J \u202efdp.exe\u2066 \u200f\x9b31m \x7f\r end"
SHOWN = r"\u001b]0;renamed\u0007 \u001b[2J \u202efdp.exe\u2066 \u200f\u009b31m \u007f\u000d end"


def test_characters_are_shown_as_their_escapes() -> None:
    assert visible.visible(HOSTILE) == SHOWN
    assert visible.visible("tabs\tand\nlines, 中文, עברית, 😀") == "tabs\tand\nlines, 中文, עברית, 😀"


@pytest.mark.parametrize("ascii_only", [True, False])
def test_texts_of_a_record_are_harmless_from_the_moment_they_are_read(ascii_only: bool) -> None:
    one = run(outcome="error", reason=f"{HOSTILE}\n中文 😀 \\u001b", warnings=[HOSTILE], provenance={HOSTILE: HOSTILE})
    data = json.dumps(one.model_dump(mode="json"), ensure_ascii=ascii_only).encode()
    found = parse(data)
    assert (found.reason, found.warnings, found.provenance) == (f"{SHOWN}\n中文 😀 \\u001b", [SHOWN], {SHOWN: SHOWN})


def test_no_such_character_reaches_a_file_or_a_terminal(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for ascii_only, path in zip((True, False, True), sorted((folder / "records").iterdir()), strict=True):
        values = json.loads(path.read_text())
        values |= {"reason": HOSTILE, "warnings": [HOSTILE], "outcome": "error" if ascii_only else "ok"}
        values["provenance"] |= {HOSTILE: HOSTILE, "cpu": {"model": HOSTILE}, "command": HOSTILE}
        values["hyperparameters"] = {HOSTILE: HOSTILE}
        values["results"][0]["stage"] = values["curves"][0]["stage"] = HOSTILE
        path.write_text(json.dumps(values, ensure_ascii=ascii_only))
    name = path.stem
    out = tmp_path / "out"
    calls = [
        ["report", str(folder), "-o", str(out)],
        *(["verify", str(folder), *more] for more in ([], ["--json"])),
        *(["show", name, "--results", str(folder), *more] for more in ([], ["--json"])),
        *(["merge", str(folder), "--to", str(tmp_path / "to"), *more] for more in (["-n"], ["--json"])),
        ["verify", HOSTILE],
    ]
    for words in calls:
        assert cli.call(words) in (0, 1, 2)
        said = "".join(capsys.readouterr())
        assert not UNPRINTABLE.search(said), words
    for path in out.iterdir():
        if path.suffix != ".png":
            assert not UNPRINTABLE.search(path.read_text(encoding="utf-8").replace("\r\n", "\n")), path
    lines = csv.reader(io.StringIO((out / "table.csv").read_text(encoding="utf-8")))
    assert len({len(line) for line in lines}) == 1


@pytest.mark.parametrize(("terminal", "colours"), [(False, ""), (False, "1"), (True, "")])
def test_standard_output_shows_escapes_and_leaves_colours_where_they_are_wanted(
    terminal: bool, colours: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Screen(io.StringIO):
        def isatty(self) -> bool:
            return terminal

    screen = Screen()
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setenv("FORCE_COLOR", colours)
    with visible.on_terminal():
        print("\x1b[1mbold\x1b[0m \x1b[2K\x1b]0;t\x07 \u202e")
    kept_colours = terminal or colours
    bold = "\x1b[1mbold\x1b[0m" if kept_colours else r"\u001b[1mbold\u001b[0m"
    erased = "\x1b[2K" if terminal else r"\u001b[2K"
    assert screen.getvalue() == rf"{bold} {erased}\u001b]0;t\u0007 \u202e" + "\n"
    assert sys.stdout is screen


def test_what_is_written_of_a_run_here_is_read_back_as_it_was_shown(tmp_path: Path) -> None:
    path = factories.write(run(outcome="error", reason=HOSTILE, results=[]), tmp_path)
    assert not UNPRINTABLE.search(path.read_text(encoding="utf-8"))
    assert read(path).reason == SHOWN

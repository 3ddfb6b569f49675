"""Every command, whichever there are: help with examples that parse, options alike, mistakes in one sentence."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.text import Text
from typer.main import get_command

from bench.commands import cli
from bench.site.commands import page
from tests.commands.test_cli import reprune  # noqa: F401

ROOT = Path(__file__).parents[2]

RECORD = str(min((ROOT / "reports/reproductions/digits/records").glob("*-dense-*.json")))

PRINT_JSON = {
    "doctor": (),
    "methods": ("gmp",),
    "archs": ("wrn*",),
    "recipes": ("digits",),
    "published": ("--paper", "2006.07253"),
    "counts": ("--paper", "2301.12900"),
    "plan": ("--no-probe",),
    "status": (),
    "show": (RECORD,),
    "compare": (RECORD, RECORD),
    "recompute": ("--list",),
}
"""Quick calls; other commands have tests of their own."""


def walk(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Every command by what is typed for it, those with commands below them too."""
    if path:
        yield " ".join(path), command
    for name, below in getattr(command, "commands", {}).items():
        yield from walk(below, (*path, name))


COMMANDS = dict(walk(get_command(cli.app)))


def own(command: Any) -> list[Any]:
    """Its arguments and options without ``--help``."""
    return [each for each in command.params if each.name != "help"]


@pytest.fixture(autouse=True)
def _in_the_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def test_every_file_of_a_command_is_listed() -> None:
    helpers = {"__init__", "arguments", "cli", "completion", "skeleton"}
    files = {file.stem for file in (ROOT / "bench/commands").glob("*.py")} - helpers
    assert files == {name for names in cli.COMMANDS.values() for name in names}


@pytest.mark.parametrize("name", COMMANDS)
def test_help_ends_in_examples_that_parse(name: str) -> None:
    command = COMMANDS[name]
    head, *examples = Text.from_markup(command.epilog).plain.splitlines()
    assert head == "Examples" and examples
    for example in examples:
        words = shlex.split(example)
        assert words[: len(name.split()) + 1] == ["reprune", *name.split()]
        assert command.make_context(name, words[len(name.split()) + 1 :])


@pytest.mark.parametrize("name", COMMANDS)
def test_whatever_a_command_takes_is_explained(name: str) -> None:
    command = COMMANDS[name]
    for text in (command.help, *(each.help for each in own(command))):
        assert text and text[0].isupper() and text.rstrip().endswith((".", ")"))
        assert Text.from_markup(text).plain == text.replace("\\[", "[")  # no bracket was taken for markup


@pytest.mark.parametrize("name", COMMANDS)
def test_options_are_spelled_alike_everywhere(name: str) -> None:
    """As in timm, MLflow and Snakemake; older spellings may follow as second names."""
    long = {"-o": "--output", "-b": "--batch-size", "-n": "--dry-run"}
    for each in own(COMMANDS[name]):
        if each.param_type_name == "argument":
            continue
        first = next(option for option in each.opts if option.startswith("--"))
        assert re.fullmatch(r"--[a-z]+(-[a-z]+)*", first)
        assert all(long[option] == first for option in each.opts if not option.startswith("--"))
        assert first not in ("--out", "--to", "--architecture", "--model", "--points", "--batch", "--gpu", "--format")
        if first == "--results":
            assert str(each.default) == "results" and each.metavar == "FOLDER"


@pytest.mark.parametrize("name", COMMANDS)
def test_a_wrong_option_is_one_sentence(name: str, reprune: Any) -> None:  # noqa: F811
    status, out, err = reprune(*name.split(), "--no-such-option")
    assert (status, out) == (2, "")
    assert err.count("\n") == 1 and "no-such-option" in err


GRIDS = [name for name, each in COMMANDS.items() if any("GRID" in str(one.metavar) for one in each.params)]


@pytest.mark.parametrize("name", GRIDS)
def test_a_wrong_grid_is_one_sentence(name: str, reprune: Any, tmp_path: Path) -> None:  # noqa: F811
    needed = any(each.required and "-o" in each.opts for each in own(COMMANDS[name]))
    output = ["-o", str(tmp_path / "out")] if needed else []
    status, out, err = reprune(name, "nowhere.yaml", *output)
    assert (status, out) == (2, "")
    assert re.fullmatch(r"reprune: nowhere\.yaml.*\n", err)
    if any("FIELD=VALUE" in str(each.metavar) for each in own(COMMANDS[name])):
        status, out, err = reprune(name, "configs/quick.yaml", "sparsities=[2]", *output)
        assert (status, out) == (2, "")
        assert re.fullmatch(r"reprune: configs/quick\.yaml: field 'sparsities'.*\n", err)


def test_every_json_is_tried() -> None:
    there = {name for name, each in COMMANDS.items() if any("--json" in one.opts for one in each.params)}
    assert there >= PRINT_JSON.keys()
    texts = [file.read_text(encoding="utf-8") for file in (ROOT / "tests").rglob("test_*.py") if file != Path(__file__)]
    trying = [text for text in texts if "--json" in text or "as_json" in text]
    for name in there - PRINT_JSON.keys():
        assert any(name in text for text in trying), f"nobody tries `reprune {name} --json`"


@pytest.mark.parametrize("name", PRINT_JSON)
def test_json_is_json(name: str, reprune: Any) -> None:  # noqa: F811
    status, out, _ = reprune(name, *PRINT_JSON[name], "--json")
    assert status in (0, 1)  # a grid may have failed runs, a machine may lack something
    assert json.loads(out)


def test_version_and_help_of_everything(reprune: Any) -> None:  # noqa: F811
    assert re.fullmatch(r"reprune \d+\.\d+\.\d+\n", reprune("--version")[1])
    status, out, err = reprune()
    assert (status, err) == (0, "") and out == reprune("--help")[1]
    assert all(name in out for name in COMMANDS if " " not in name)
    assert all(panel in out for panel in cli.COMMANDS)
    assert "Exit status" in out


def test_a_command_that_is_misspelled(reprune: Any) -> None:  # noqa: F811
    sentence = "reprune: no such command 'metods' (did you mean 'methods', 'new-method'?); see `reprune --help`.\n"
    assert reprune("metods") == (2, "", sentence)


def test_the_page_of_the_commands_has_them_all() -> None:
    text = page("# Commands\n\nWhat somebody wrote.\n")
    assert text.startswith("# Commands\n\nWhat somebody wrote.\n\n## Look around\n")
    for name, command in COMMANDS.items():
        _, heading, rest = text.partition(f"\n### reprune {name}\n")
        section = rest.partition("\n### ")[0]
        assert heading
        names = [each.opts if each.param_type_name == "option" else [each.metavar] for each in own(command)]
        assert all(word in section for each in names for word in each)
        assert all(f"\n{line.strip()}\n" in section for line in Text.from_markup(command.epilog).plain.splitlines()[1:])
    assert "| `--only collect|table` |" not in text  # a bar would end the cell

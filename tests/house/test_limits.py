"""The house in numbers: no file too long, no import that the contract does not see, a page that shows what is there."""

from __future__ import annotations

import ast
import re
import tokenize
from pathlib import Path

import pytest

from bench.site import house

ROOT = Path(__file__).parents[2]
BENCH = ROOT / "bench"
FILES = sorted(path for top in ("bench", "methods") for path in (ROOT / top).rglob("*.py"))
LONGEST = 300

DYNAMIC = {
    "bench/archs/__init__.py",  # a network's file, by its name
    "bench/base/imports.py",  # our networks enter timm's registry when timm is imported
    "bench/catalog.py",  # methods are found by the names of their files
    "bench/commands/cli.py",  # commands likewise
    "bench/recompute/sources/__init__.py",  # sources likewise
}


def code_lines(path: Path) -> int:
    """Lines with code: no blank ones, comments or docstrings."""
    text = path.read_bytes()
    silent: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            silent |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    layout = ("COMMENT", "NL", "NEWLINE", "INDENT", "DEDENT", "ENCODING", "ENDMARKER")
    with path.open("rb") as file:
        tokens = [each for each in tokenize.tokenize(file.readline) if tokenize.tok_name[each.type] not in layout]
    return len({line for token in tokens for line in range(token.start[0], token.end[0] + 1)} - silent)


def test_lines_with_code_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "code.py"
    path.write_text(
        '"""Two\n\nlines."""\n\n# a comment\nx = (  # and one\n    1,\n)\n\n\ndef f():\n    """Says."""\n    return x\n'
    )
    assert code_lines(path) == 5


def test_no_file_is_longer_than_a_reader_wants() -> None:
    lengths = {path.relative_to(ROOT).as_posix(): len(path.read_text("utf-8").splitlines()) for path in FILES}
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST} == {}


def test_imports_that_no_contract_sees_are_known() -> None:
    found = {
        path.relative_to(ROOT).as_posix()
        for path in BENCH.rglob("*.py")
        if re.search(r"\b(import_module|__import__)\(", path.read_text(encoding="utf-8"))
    }
    assert found == DYNAMIC


def test_every_room_says_what_it_is_for() -> None:
    rooms = [box.name for floor in house.floors() for box in floor if box.purpose]
    assert sorted(rooms) == sorted(path.parent.name for path in BENCH.glob("*/__init__.py"))
    assert len(house.floors()) < 16


def test_the_picture_shows_the_contract() -> None:
    assert house.PICTURE.read_text(encoding="utf-8") == house.draw(), "renew it with `python -m bench.site.house`"


PAGE = (ROOT / "docs" / "layout.md").read_text(encoding="utf-8")
CHANGES: list[tuple[str, str, str]] = re.findall(r"^\| (.+?) \| `([\w/.+]+)`, `(\w+)` \|", PAGE, re.MULTILINE)


def test_the_page_answers_what_people_change() -> None:
    assert len(CHANGES) >= 12


@pytest.mark.parametrize(("what", "file", "symbol"), CHANGES, ids=[what for what, *_ in CHANGES])
def test_what_people_change_is_where_the_page_says(what: str, file: str, symbol: str) -> None:
    text = (ROOT / file).read_text(encoding="utf-8")
    assert re.search(rf"^(class |def |- |  )?{symbol}\b", text, re.MULTILINE)

"""The picture of the terminal shows what is committed, and fetches nothing."""

from __future__ import annotations

import html
import re

from bench import catalog
from tests.docs.reading import ROOT

PICTURE = ROOT / "docs" / "images" / "terminal.svg"


def shown() -> list[str]:
    """The picture's text, a string per piece of one colour, in order."""
    found = re.findall(r"<text [^>]*>([^<]*)</text>", PICTURE.read_text(encoding="utf-8"))
    return [html.unescape(piece).replace("\xa0", " ") for piece in found]


def test_its_numbers_are_those_of_the_committed_table() -> None:
    table = (ROOT / "reports/reproductions/digits/table.md").read_text(encoding="utf-8")
    cells = re.findall(r"\d+\.\d\d ± \d+\.\d\d", " ".join(shown()))
    assert len(cells) == 15  # dense, and seven methods at two sparsities
    assert all(cell in table for cell in cells)


def test_its_methods_are_those_there_are() -> None:
    named = {piece.strip() for piece in shown()}
    assert {name for name in catalog.names() if name.startswith("gr")} <= named


def test_it_is_small_and_complete_in_itself() -> None:
    text = PICTURE.read_text(encoding="utf-8")
    assert len(text.encode()) < 100_000
    assert "…" in text and re.findall(r"(?:https?:)?//[^\s\"')]+", text) == ["http://www.w3.org/2000/svg"]

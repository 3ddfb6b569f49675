"""Tables in Markdown, read back by a renderer of GitHub's kind: every cell in its place, with the text it was given."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from bench.report import tables
from bench.report.layout import Block, Chapter, Report, Section, Text
from tests.report.test_tables import REPORT

REPRODUCTIONS = Path(__file__).parents[2] / "reports" / "reproductions"
PAGES = sorted([*REPRODUCTIONS.glob("*/table.md"), *REPRODUCTIONS.glob("*/comparison.md")])
RENDERER = MarkdownIt("commonmark").enable(["table", "strikethrough"])

Cells = list[list[str]]


def rendered(text: str) -> list[Cells]:
    """The cells' texts of every table, head first."""
    return list(_tables(iter(RENDERER.parse(text))))


def _tables(tokens: Iterator[Token]) -> Iterator[Cells]:
    rows: Cells = []
    for token in tokens:
        if token.type == "table_open":
            rows = []
        elif token.type == "tr_open":
            rows.append([])
        elif token.type in ("th_open", "td_open"):
            rows[-1].append(_plain(next(tokens)))
        elif token.type == "table_close":
            yield rows


def _plain(cell: Token) -> str:
    """The text of a cell without marks; tags of its own are refused, all but those of small marks."""
    assert {one.content for one in cell.children or () if one.type == "html_inline"} <= {"<sup>", "</sup>"}
    assert not any(one.type in ("link_open", "image", "code_inline", "s_open") for one in cell.children or ())
    return "".join(one.content for one in cell.children or () if one.type == "text")


def given_to(block: Block) -> Cells:
    """The cells' texts as they should come out."""
    shown = [[" ".join([*text.text.split(), *"?" * text.open, *text.marks]) for text in row] for row in block.rows]
    return [[" ".join(name.split()) for name in block.head], *shown]


def assert_tables_are(report: Report, *blocks: Block) -> None:
    """What is rendered are these blocks, cell by cell."""
    assert rendered(tables.markdown(report)) == [given_to(block) for block in blocks]


def of(block: Block) -> Report:
    return Report("A", "", (), (), (), chapters=(Chapter("Chapter", (block,)),))


def test_a_report() -> None:
    (section,) = REPORT.sections
    assert_tables_are(REPORT, *section.blocks, *REPORT.comparison)


def test_all_kinds_of_tables() -> None:
    blocks = [Block(title, ("Method", title), ((Text("gmp"), Text(title)),)) for title in "abcd"]
    section = Section("digits", "net", "Facts.", tuple(blocks[:2]), ("A note | with a bar.",))
    report = Report("A", "", (), (), (section,), (Chapter("C", (blocks[2],), ("* no list",)),), (blocks[3],))
    assert_tables_are(report, *blocks)


@pytest.mark.parametrize(
    "nasty",
    [
        "a | b",
        r"a \| b",
        "`a | b`",
        "<script>alert(1)</script>",
        "<b>bold</b> &amp; &lt;",
        "**bold** _it_ ~~gone~~ ~x~",
        "[link](http://x) ![image](x)",
        "line\nbreak | and\r\nanother",
        "# head",
        "--- | ---",
        "\\",
        "$x$ and $$y$$",
        "a\u2028b 中文 🙂",
    ],
)
def test_nothing_spills(nasty: str) -> None:
    block = Block(
        nasty, ("Method", nasty), ((Text(nasty), Text(nasty, best=True)), (Text("x"), Text(nasty, within=True)))
    )
    assert_tables_are(of(block), block)


@given(st.text(alphabet="ab |\\`*_~<>[]()!#&;$-+1.\n", min_size=1, max_size=12))
def test_any_text_stays_in_its_cell(text: str) -> None:
    block = Block("Title", ("Method", "x"), ((Text(text), Text("1")), (Text("y"), Text(text))))
    assert_tables_are(of(block), block)


@pytest.mark.parametrize("page", PAGES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_committed_pages(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    found = rendered(text)
    assert len(found) == sum(line.startswith("|:") for line in text.splitlines())
    lines = sum(line.startswith("|") and not line.startswith("|:") for line in text.splitlines())
    assert sum(map(len, found)) == lines
    for rows in found:
        assert {len(row) for row in rows} == {len(rows[0])}
        assert all(row[0] for row in rows[:1])

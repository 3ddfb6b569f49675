"""What the pages of the documentation hold: commands with the output they show, files they write, links, anchors."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]

_REMARK = re.compile(r"<!--\s*(?P<word>untested|needs|file):\s*(?P<text>.+?)\s*-->", re.DOTALL)


@dataclass
class Block:
    """A fence: its first line in the page, language, text, and what a remark before it says.

    Attributes:
        remarks: ``untested: REASON``, ``needs: NAME…`` (left out without these environment variables, programs, files
            or folders), ``file: PATH`` (what the fence holds is written there before the page goes on).
        shown: the output that the page shows, a ``text`` fence right after a ``bash`` one.
    """

    line: int
    language: str
    text: str
    remarks: dict[str, str]
    shown: str = ""


def tokens(text: str) -> list[Token]:
    """A page as markdown-it understands it: as GitHub does."""
    return MarkdownIt("gfm-like", {"linkify": False}).parse(text)


def blocks(text: str) -> list[Block]:
    """The fences of a page, and its indented code as of the language ``indented``."""
    found: list[Block] = []
    remarks: dict[str, str] = {}
    last: Block | None = None
    for token in tokens(text):
        if token.type == "html_block":
            remarks |= {remark["word"]: " ".join(remark["text"].split()) for remark in _REMARK.finditer(token.content)}
            continue
        if token.type not in ("fence", "code_block"):
            if token.type != "inline" or token.content.strip():
                last = None
            continue
        language = token.info.strip() if token.type == "fence" else "indented"
        if language == "text" and last is not None:
            last.shown = token.content
            continue
        last = Block((token.map or [0])[0] + 1, language, token.content, remarks)
        remarks = {}
        found.append(last)
    return found


def inlines(text: str) -> Iterator[Token]:
    """Every link, image and piece of inline code of a page."""
    for token in tokens(text):
        yield from (child for child in token.children or [] if child.type in ("link_open", "image", "code_inline"))


def anchors(text: str) -> set[str]:
    """The anchors that GitHub gives a page's headings."""
    found: list[str] = []
    stream = tokens(text)
    for before, token in pairwise(stream):
        if before.type == "heading_open":
            title = "".join(child.content for child in token.children or [] if child.type in ("text", "code_inline"))
            slug = re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
            found.append(f"{slug}-{found.count(slug)}" if slug in found else slug)
    return set(found)


_NUMBER = re.compile(r"(?:(?<!\S)[+−-])?\d+(?:[.,]\d+)*")
_TIME = re.compile(r"\b0 (?:h|min|s)(?: 0 (?:min|s))*\b")
_DRAWN = re.compile(r"[▁▂▃▄▅▆▇█▏▎▍▌▋▊▉]+")
"""What may differ: a number with its sign, how long something took, and a number that is drawn as a bar or a curve."""


def missing(shown: str, printed: str) -> list[str]:
    """Lines of a page's output that a command did not print, in whatever order.

    Numbers, times and what is drawn of them may differ: they depend on the machine. So may spaces and lines of tables.
    ``…`` stands for anything.
    """
    lines = [_masked(line) for line in printed.splitlines()]
    wanted = {line: _masked(line) for line in shown.splitlines() if line.strip("… ")}
    return [line for line, masked in wanted.items() if not any(_pattern(masked).search(each) for each in lines)]


def _masked(line: str) -> str:
    line = re.sub(r"\x1b\[[\d;]*[A-Za-z]", "", line)
    line = re.sub(r"(?<=\)) [*=?](?= |$)", "", line)  # marks hang on the last bits, and so on the machine
    line = " ".join(re.sub(r"[-─━═|│┃:]{2,}", " ", line).split())
    return _DRAWN.sub("█", _TIME.sub("0 s", _NUMBER.sub("0", line)))


def _pattern(masked: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(part) for part in masked.split("…")))

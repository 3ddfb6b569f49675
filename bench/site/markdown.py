"""From docstrings to Markdown."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable

_SECTION = re.compile(r"^(Attributes|Args|Returns|Raises|Yields):$")
_ITEM = re.compile(r"^ {4}(?P<names>\*{0,2}\w[\w, .]*): (?P<text>.*)$")
_ARXIV = re.compile(r"(?<![\w/\[])arXiv:(\d{4}\.\d{4,5})")


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table; what would end a cell is escaped."""
    head = list(head)
    lines = [
        head,
        ["---"] * len(head),
        *([cell.replace("|", r"\|").replace("\n", " ") for cell in row] for row in rows),
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def linked(text: str) -> str:
    """``arXiv:1911.11134`` as a link to the paper."""
    return _ARXIV.sub(r"[arXiv:\1](https://arxiv.org/abs/\1)", text)


def prose(thing: object) -> str:
    """A docstring without the sections that list fields or arguments."""
    text, _ = split(inspect.getdoc(thing) or "")
    return linked(text)


def described(thing: object, section: str = "Attributes") -> dict[str, str]:
    """What a docstring says of each field or argument, by name; those of base classes included."""
    found: dict[str, str] = {}
    for each in reversed(thing.__mro__) if isinstance(thing, type) else (thing,):
        found |= split(inspect.cleandoc(each.__doc__ or ""))[1].get(section, {})
    return found


def split(doc: str) -> tuple[str, dict[str, dict[str, str]]]:
    """A docstring's text, and its sections (``Attributes``, ``Args``, …) as texts by name.

    ``a, b: text`` describes both. A section ends where the indentation does. A paragraph that announces code with
    ``::`` keeps one colon; the code is indented, which is code in Markdown too.
    """
    text: list[str] = []
    sections: dict[str, dict[str, str]] = {}
    section = ""
    names: list[str] = []
    for line in doc.splitlines():
        if start := _SECTION.match(line):
            section, names = start[1], []
        elif section and (item := _ITEM.match(line)):
            names = item["names"].replace("*", "").split(", ")
            sections.setdefault(section, {}).update(dict.fromkeys(names, item["text"]))
        elif section and line.startswith(" "):
            for name in names:
                sections[section][name] += f" {line.strip()}"
        else:
            section = section if not line else ""
            text.append(re.sub(r"::$", ":", line))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(text)).strip(), sections

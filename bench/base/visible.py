r"""Characters that move a cursor or turn the direction of writing are shown as escapes: ``\u001b``, ``\u202e``.

Records, grids and tables may come from anybody. Such characters would rename a terminal, hide a line or let a reason
read backwards. Three gates are enough for all: what is read as JSON (`in_json`), what is written as text
(`bench.results.record.write_text`) and what is printed (`on_terminal`).
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from bench.errors import UNPRINTABLE

_IN_JSON = re.compile(r"\\(?:u([0-9a-fA-F]{4})|.)|[\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u206f]", re.DOTALL)
"""An escape of JSON, or a character that stands in it as it is; others that matter, JSON does not allow."""

_SHORT = {r"\b": "\b", r"\f": "\f", r"\r": "\r"}

_COLOURS, _CONTROLS = r"\x1b\[[0-9;]*m", r"\x1b\[[0-9;?]*[A-Za-z]|\r"
"""What Rich prints: colours wherever they are wanted, and on a terminal also what moves a progress bar's cursor."""


def visible(text: str) -> str:
    """A text in which each such character is shown as its escape; tabs and line breaks stay."""
    return UNPRINTABLE.sub(_escape, text)


def in_json(data: bytes) -> bytes:
    """JSON in which each such character is the letters of its escape, so that every text read from it is harmless.

    What is no UTF-8 is left as it is, for the parser to refuse.
    """
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return data
    return _IN_JSON.sub(_doubled, text).encode()


@contextmanager
def on_terminal() -> Iterator[None]:
    """A while in which standard output and error show such characters as escapes, whoever prints them."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = _Stream(before[0]), _Stream(before[1])
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def _escape(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"


def _doubled(found: re.Match[str]) -> str:
    whole = found[0]
    if not whole.startswith("\\"):
        return f"\\{_escape(found)}"
    letter = chr(int(found[1], 16)) if found[1] else _SHORT.get(whole, "")
    is_half = "\ud800" <= letter <= "\udfff"  # of a pair, which is a letter; alone it is refused by the parser
    return f"\\\\u{ord(letter):04x}" if UNPRINTABLE.match(letter) and not is_half else whole


class _Stream:
    """A text stream that shows such characters as escapes, but for those with which Rich sets what it prints."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        terminal = bool(stream.isatty())
        kept = f"{_COLOURS}|{_CONTROLS}" if terminal else _COLOURS if os.environ.get("FORCE_COLOR") else ""
        self._kept = re.compile(f"({kept})") if kept else None

    def write(self, text: str) -> int:
        """Write a text; returns how many characters it has."""
        parts = self._kept.split(text) if self._kept else [text]
        self._stream.write("".join(part if index % 2 else visible(part) for index, part in enumerate(parts)))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write several."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

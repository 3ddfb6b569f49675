"""What may stand in a grid or recipe as a path. Such a text reaches file names, Snakemake's patterns and a shell.

A file's name has at most 255 bytes, whatever is put behind it (a suffix, what tells variants apart, the mark of a file
that is not whole yet). So what becomes part of one is bounded where it is read, and not where the name is made.
"""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator

_NAME = re.compile(r"\w[\w .,+=()-]*(/\w[\w .,+=()-]*)*")
LONGEST = 200
"""Bytes of a name that stands in a grid; what is put behind it has the rest."""

PART = 255
"""Bytes between two slashes of a path."""

PATH = 1000
"""Bytes of a path that stands in a grid or recipe; what lies below it has the rest of the system's 4,095."""

ODD = frozenset("{}?#")
"""Snakemake takes braces in a path for wildcards; the address of an SQLite file ends at a question mark or a hash."""


def _folder(text: str) -> str:
    """Any folder, anywhere; a dash in front would make it an option of a command, and for `ODD` see there."""
    _fits(text, "folder")
    if not text.strip() or text.startswith("-") or not text.isprintable() or set(text) & ODD:
        forbidden = "it may not be empty, begin with -, or hold line breaks or any of {}?#"
        raise ValueError(f"{text[:100]!r} is no folder; {forbidden}")
    return text


def _inside(text: str) -> str:
    """A path that cannot lead out of the folder in which it is looked for."""
    _fits(text, "path inside a folder")
    parts = text.split("/")
    if not text.isprintable() or "\\" in text or {"", ".", ".."} & set(parts):
        raise ValueError(f"{text[:100]!r} is no path inside a folder; it may not begin with / or hold '..'")
    return text


def _name(text: str) -> str:
    """A name with which files are called; slashes make folders."""
    if size(text) > LONGEST:
        found = f"{text[:100]!r} … is no name, it has {size(text)} bytes"
        raise ValueError(f"{found}; at most {LONGEST} are allowed, since files are called after it")
    if text and (not _NAME.fullmatch(text) or ".." in text):
        allowed = "letters, digits, spaces and _.,+=()- between slashes, beginning with a letter or digit"
        raise ValueError(f"{text[:100]!r} is no name; allowed are {allowed}")
    return text


def _fits(text: str, what: str) -> None:
    """Raise ValueError if no system takes a path of this length."""
    longest = max(map(size, text.split("/")))
    if size(text) > PATH or longest > PART:
        found = f"{size(text)} bytes, {longest} of them between two slashes"
        raise ValueError(f"{text[:100]!r} … is no {what}: it has {found}; at most {PATH} and {PART} are allowed")


def size(text: str) -> int:
    """The bytes of a text in a file's name."""
    return len(text.encode(errors="surrogateescape"))


def cut(text: str, longest: int) -> str:
    """The beginning of a text that has at most so many bytes."""
    return text.encode(errors="surrogateescape")[:longest].decode(errors="ignore")


Folder = Annotated[str, AfterValidator(_folder)]
"""A folder, wherever it lies."""

Inside = Annotated[str, AfterValidator(_inside)]
"""A path below a folder that somebody else chooses."""

Name = Annotated[str, AfterValidator(_name)]
"""A name that becomes that of files and folders."""

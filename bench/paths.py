"""What may stand in a grid or recipe as a path. Such a text reaches file names, Snakemake's patterns and a shell."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator

_NAME = re.compile(r"\w[\w .,+=()-]*(/\w[\w .,+=()-]*)*")
LONGEST = 200

ODD = frozenset("{}?#")
"""Snakemake takes braces in a path for wildcards; the address of an SQLite file ends at a question mark or a hash."""


def _folder(text: str) -> str:
    """Any folder, anywhere; a dash in front would make it an option of a command, and for `ODD` see there."""
    if not text.strip() or text.startswith("-") or not text.isprintable() or set(text) & ODD or len(text) > 1000:
        forbidden = "it may not be empty, begin with -, or hold line breaks or any of {}?#"
        raise ValueError(f"{text[:100]!r} is no folder; {forbidden}")
    return text


def _inside(text: str) -> str:
    """A path that cannot lead out of the folder in which it is looked for."""
    parts = text.split("/")
    if not text.isprintable() or "\\" in text or {"", ".", ".."} & set(parts) or len(text) > 1000:
        raise ValueError(f"{text[:100]!r} is no path inside a folder; it may not begin with / or hold '..'")
    return text


def _name(text: str) -> str:
    """A name with which files are called; slashes make folders."""
    if text and (len(text) > LONGEST or not _NAME.fullmatch(text) or ".." in text):
        allowed = "letters, digits, spaces and _.,+=()- between slashes, beginning with a letter or digit"
        raise ValueError(f"{text[:100]!r} is no name; allowed are {allowed}")
    return text


Folder = Annotated[str, AfterValidator(_folder)]
"""A folder, wherever it lies."""

Inside = Annotated[str, AfterValidator(_inside)]
"""A path below a folder that somebody else chooses."""

Name = Annotated[str, AfterValidator(_name)]
"""A name that becomes that of files and folders."""

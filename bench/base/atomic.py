"""Files that are written whole or not at all, and texts in which nothing moves a cursor."""

from __future__ import annotations

import os
import re
import secrets
from contextlib import suppress
from pathlib import Path

from bench.base.disk import writing
from bench.base.paths import LONGEST, cut
from bench.base.visible import visible


def write_atomic(path: Path, data: bytes) -> None:
    """Write a whole file or nothing: temporary name, fsync, rename, fsync of the folder.

    Raises `DiskError` if the disk doesn't take it.
    """
    temporary = unfinished(path)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
            _sync(path.parent)
        finally:
            temporary.unlink(missing_ok=True)


def unfinished(path: Path) -> Path:
    """A name beside a file for what will be it when it is whole; process ids repeat from machine to machine."""
    return path.with_name(f".{cut(path.name, LONGEST)}.{secrets.token_hex(4)}")


def write_text(path: Path, text: str) -> None:
    """`write_atomic` for a text; control characters and marks that turn the direction of writing become escapes."""
    write_atomic(path, visible(text).encode())


def sweep(folder: Path) -> None:
    """Delete what killed writers left half-written in a folder; for whoever is the only one to write there."""
    for path in folder.glob(".*"):
        if re.fullmatch(r"\..+\.[0-9a-f]{8}", path.name):
            path.unlink()


def _sync(folder: Path) -> None:
    """Make a rename in a folder survive a loss of power."""
    entry = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # some network file systems can't, and do it by themselves
            os.fsync(entry)
    finally:
        os.close(entry)

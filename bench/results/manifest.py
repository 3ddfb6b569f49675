"""``manifest.sha256``: the checksum of every file of a folder, as ``sha256sum --check`` reads it.

`reprune keep`, `reprune report` and a finished call write it, and `reprune verify` compares. It finds what was edited
afterwards, such as a figure or a page; whoever edits a file and its line there, too, is found out by what is computed
once more from records, weights and predictions, or not at all.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from bench.base import regular
from bench.base.atomic import write_text
from bench.errors import UserError
from bench.identity import file_digest

NAME = "manifest.sha256"

_LINE = re.compile(r"(?P<digest>[0-9a-f]{64})  (?P<name>[^\x00-\x1f\\]{1,4096})")


def write(folder: Path) -> None:
    """Write the manifest of everything that lies in a folder."""
    _write(folder, {_name(path, folder): file_digest(path) for path in files(folder)})


def update(folder: Path, paths: Iterable[Path]) -> None:
    """Renew the lines of some files of a folder, which may not be there any more; the other lines stay."""
    known = _readable(folder)
    for path in paths:
        known.pop(_name(path, folder), None)
        if regular.is_there(path, folder):
            known[_name(path, folder)] = file_digest(path)
    _write(folder, known)


def add(folder: Path, paths: Iterable[Path]) -> None:
    """`update`, but for files that have a line and are no newer than the manifest: large ones are not read again."""
    known = _readable(folder)
    try:
        written = (folder / NAME).stat().st_mtime_ns
    except OSError:
        written = 0
    there = [path for path in paths if regular.is_there(path, folder)]
    new = [path for path in there if _name(path, folder) not in known or path.stat().st_mtime_ns > written]
    if new:
        update(folder, new)


def read(folder: Path) -> dict[str, str] | None:
    """Digests by the names of files below a folder; None without a manifest. Raises `UserError` if it is damaged."""
    path = folder / NAME
    try:
        text = regular.read_bytes(path, folder, regular.LONGEST_TEXT).decode()
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise UserError(f"{path}: cannot be read ({reason}).") from None
    found = {}
    for number, line in enumerate(text.splitlines(), 1):
        match = _LINE.fullmatch(line)
        if match is None or {"", ".", ".."} & set(match["name"].split("/")):
            raise UserError(f"{path}, line {number}: expected a SHA-256, two spaces and the name of a file below.")
        found[match["name"]] = match["digest"]
    return found


def files(folder: Path) -> Iterator[Path]:
    """The regular files below a folder, but for the manifest and what is hidden; no link is followed."""
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(place, name)
            listed = name.isprintable() and not name.startswith(".") and "\\" not in name and path != folder / NAME
            if listed and regular.is_there(path, folder):
                yield path


def _readable(folder: Path) -> dict[str, str]:
    try:
        return read(folder) or {}
    except UserError:
        return {}


def _write(folder: Path, digests: Mapping[str, str]) -> None:
    write_text(folder / NAME, "".join(f"{digests[name]}  {name}\n" for name in sorted(digests)))


def _name(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix()

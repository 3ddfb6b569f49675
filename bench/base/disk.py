"""Disks that are full, mounted read-only or not ours: said in one sentence, before anything is trained if possible."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.errors import DiskError

BLOCK = 4096
"""Bytes written to try a folder out: on a full disk an empty file can still be made."""


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn what the system says against writing `path` into a `DiskError`: which file, which disk, what to do."""
    try:
        yield
    except OSError as error:
        raise DiskError(f"{path} could not be written: {_explained(path, error)}.") from error


def check(folder: Path) -> None:
    """Raise `DiskError` unless a file can be written to `folder`, which is made if it is not there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
            file.write(bytes(BLOCK))
    except OSError as error:
        raise DiskError(f"nothing can be written to {folder}: {_explained(folder, error)}.") from error


def _explained(path: Path, error: OSError) -> str:
    """The cause, and what to do about it."""
    disk = _disk(path)
    if error.errno == errno.ENOSPC:
        return f"no space is left on {disk} ({_room(disk)}); make room there, then start the same call again"
    if error.errno == errno.EDQUOT:
        return f"your quota on {disk} is used up; make room there, then start the same call again"
    if error.errno == errno.EROFS:
        return f"{disk} is mounted read-only; name another folder, or have it mounted for writing"
    if error.errno in (errno.EACCES, errno.EPERM):
        return "you are not allowed to; name another folder, or have this one's permissions changed"
    return f"{error.strerror or error} (on {disk}); when that is mended, start the same call again"


def _disk(path: Path) -> Path:
    """The mount point that holds a path, whether or not the path is there yet."""
    return next(folder for folder in [path.absolute(), *path.absolute().parents] if folder.is_mount())


def _room(disk: Path) -> str:
    found = os.statvfs(disk)
    free, size = found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize
    files = "" if found.f_ffree or not found.f_files else ", and it holds as many files as it can"
    return f"{free / 2**20:,.0f} of {size / 2**20:,.0f} MiB free{files}"

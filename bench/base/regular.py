"""Reading what strangers sent: regular files only, no link is followed, and nothing is opened that can block.

A link in a folder from somebody else would have a private file copied, tabulated or given away; a pipe in the place of
a record would be waited for, for ever.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

LONGEST_TEXT = 2**28
"""A record or another text with more bytes is not read: a sparse file may claim terabytes."""

_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

_KINDS = {
    stat.S_IFLNK: "it is a link, and links are not followed",
    stat.S_IFDIR: "it is a folder",
    stat.S_IFIFO: "it is a pipe, and only regular files are read",
    stat.S_IFSOCK: "it is a socket, and only regular files are read",
}


def opened(path: Path, root: Path | None = None) -> BinaryIO:
    """Open a regular file for reading.

    Args:
        path: the file.
        root: a folder above it, named by the user, which may be a link itself; no folder between the two may be one.

    Raises:
        OSError: if it can't be opened or is no regular file; `strerror` says why.
    """
    for folder in _between(path, root):
        if folder.is_symlink():
            raise OSError(errno.ELOOP, f"{folder.name} is a link, and links are not followed", str(path))
    _check(path, os.lstat(path).st_mode)  # opening some devices does something
    descriptor = os.open(path, _FLAGS)
    try:
        _check(path, os.fstat(descriptor).st_mode)
        return os.fdopen(descriptor, "rb")
    except OSError:
        os.close(descriptor)
        raise


def read_bytes(path: Path, root: Path | None = None, most: int | None = None) -> bytes:
    """The content of a regular file, as `opened` opens it. Raises OSError also if it has more than `most` bytes."""
    with opened(path, root) as file:
        if most is not None and os.fstat(file.fileno()).st_size > most:
            raise OSError(errno.EFBIG, f"it has more than {most:,} bytes", str(path))
        return file.read()


def is_there(path: Path, root: Path | None = None) -> bool:
    """Whether `opened` opens it."""
    try:
        with opened(path, root):
            return True
    except OSError:
        return False


def _between(path: Path, root: Path | None) -> list[Path]:
    """The folders of a file below `root`."""
    if root is None:
        return []
    return [folder for folder in path.parents if folder != root and folder.is_relative_to(root)]


def _check(path: Path, mode: int) -> None:
    if not stat.S_ISREG(mode):
        kind = _KINDS.get(stat.S_IFMT(mode), "it is a device, and only regular files are read")
        raise OSError(errno.EINVAL, kind, str(path))

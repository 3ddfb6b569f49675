"""Locks that die with whoever holds them: `flock` on a file, so that nobody ever has to clear one by hand.

The system frees such a lock when its process ends, however it ends. The file stays, and means nothing. It may be
another user's, who shares the folder: who may only read it can lock it all the same.
"""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from bench.base.disk import writing
from bench.errors import UserError

MOST = 100
"""Names that are tried for a folder of the user's own."""


@contextmanager
def held(path: Path, busy: Callable[[], None]) -> Iterator[None]:
    """Hold the lock of a file, which is made if it is not there.

    Args:
        path: the file. On a network file system it works between machines where the system supports `flock` there.
        busy: called once if another process has the lock; it may say so, and then this one waits, or raise.

    Raises `DiskError` if the file can't be made.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        opened = lockable(path)
    with opened as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            busy()
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def lockable(path: Path) -> IO[str]:
    """A file opened to be locked, and made if it is not there. Raises OSError."""
    try:
        return path.open("a")
    except PermissionError as refused:
        if not path.exists():
            raise
        try:
            return path.open()  # another user's
        except OSError:
            raise refused from None


def own_folder(parent: Path = Path("/tmp")) -> Path:
    """The folder of this user's locks on this machine: the same for all of the user's processes, and nobody else's.

    `parent` is not the temporary folder of the environment, for that may be another one for every job. Anybody may have
    made something of that name there, so what is not a folder of the user's is passed over.

    Raises:
        DiskError: it can't be made.
        UserError: somebody has made all of the names.
    """
    user = os.getuid()
    for number in range(MOST):
        folder = parent / (f"reprune-{user}-{number}" if number else f"reprune-{user}")
        with writing(folder), suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        found = folder.lstat()
        if stat.S_ISDIR(found.st_mode) and found.st_uid == user:
            return folder
    raise UserError(f"{parent}/reprune-{user} and {MOST - 1} more names are taken by others; have them removed.")

"""Locks that die with whoever holds them: `flock` on a file, so that nobody ever has to clear one by hand.

The system frees such a lock when its process ends, however it ends. The file stays, and means nothing.
"""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.disk import writing


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
        opened = path.open("a")
    with opened as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            busy()
            fcntl.flock(file, fcntl.LOCK_EX)
        yield

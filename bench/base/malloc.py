"""The memory of this process: what a training step frees is kept for the next one; and how much it was at most."""

from __future__ import annotations

import ctypes
from pathlib import Path

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
"""Parameters of glibc's `mallopt(3)`."""


def keep_freed_memory() -> bool:
    """Let the C library keep freed memory until the process ends, instead of handing it back to the system.

    Every step of a training allocates the same few hundred megabytes again. Where glibc hands them back in between, as
    it does by default, the system has to map and clear each page anew: a tenth of a step of ResNet-20 or more. Peak
    memory stays what it is, and so do results. Returns whether the C library is one that can be told so.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and bool(mallopt(M_MMAP_MAX, 0)) and bool(mallopt(M_TRIM_THRESHOLD, -1))


def peak() -> int:
    """Bytes that this process had in memory at most.

    `resource.getrusage` would tell of the process that this one was before it became another program, too: of whoever
    started it.
    """
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.partition("VmHWM:")[2].split()[0])

"""What becomes of memory that a training step frees: the process keeps it for the next one."""

from __future__ import annotations

import ctypes

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
"""Parameters of glibc's `mallopt(3)`."""


def keep_freed_memory() -> bool:
    """Let the C library keep freed memory until the process ends, instead of handing it back to the system.

    Every step of a training allocates the same few hundred megabytes again. Where glibc hands them back in between, as
    it does by default, the system has to map and clear each page anew: a tenth to a fifth of a step of ResNet-20. Peak
    memory stays what it is, and so do results. Returns whether the C library is one that can be told so.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and bool(mallopt(M_MMAP_MAX, 0)) and bool(mallopt(M_TRIM_THRESHOLD, -1))

"""Freed memory: large blocks that a step frees are kept for the next one."""

from __future__ import annotations

import ctypes
from functools import cache

MMAP_THRESHOLD, TRIM_THRESHOLD = -3, -1
"""Numbers of glibc's settings (malloc.h)."""
LARGEST = 2**30
"""Bytes up to which a block comes from the heap, and that stay there when they are free."""


@cache
def keep_freed_memory() -> bool:
    """Has this process keep large blocks that it frees; returns whether that is possible here.

    glibc gives a block of more than 32 MiB back to the system as soon as it is free. The system hands out empty pages
    one by one when they are touched, and a training step touches the same gigabytes again and again: more than a third
    of its time went into that.
    """
    try:
        library = ctypes.CDLL(None)
        return bool(library.mallopt(MMAP_THRESHOLD, LARGEST)) and bool(library.mallopt(TRIM_THRESHOLD, LARGEST))
    except (AttributeError, OSError):  # another library of C, which has no such settings
        return False

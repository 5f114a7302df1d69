"""Make the C library keep freed memory."""

from __future__ import annotations

import ctypes

# names and numbers of glibc's malloc.h
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX, M_ARENA_MAX = -1, -2, -4, -8
KEPT = 2**31 - 1  # bytes at the end of the heap that the process keeps
GROWTH = 128 * 2**20  # bytes by which the heap grows, at least


def keep_freed_memory() -> None:
    """Make glibc keep large freed blocks for the next ones of their size; other C libraries are not changed.

    Otherwise the memory of every picture returns to the kernel and is fetched again, page by page: 5 to 25 % of a
    run's time.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # musl, macOS, Windows
        return
    for name, value in ((M_ARENA_MAX, 1), (M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, KEPT), (M_TOP_PAD, GROWTH)):
        mallopt(name, value)

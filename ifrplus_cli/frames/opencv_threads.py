"""Limit OpenCV's threads while several pairs are made at the same time: they would wait for each other's cores."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

import cv2

_limits: list[int] = []  # those in force, the newest last, behind OpenCV's own
_lock = Lock()


@contextmanager
def opencv_threads(count: int) -> Iterator[None]:
    """Let OpenCV use ``count`` threads, everywhere in this process, until the end of the ``with`` block.

    Of blocks in several threads the newest counts; after the last one it is as before the first one.
    """
    with _lock:
        if not _limits:
            _limits.append(cv2.getNumThreads())
        _limits.append(count)
        cv2.setNumThreads(count)
    try:
        yield
    finally:
        with _lock:
            del _limits[_limits.index(count, 1)]
            cv2.setNumThreads(_limits[-1])
            if len(_limits) == 1:
                _limits.clear()

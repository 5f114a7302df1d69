"""Measure how long each stage of a run works."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import TypeVar

Item = TypeVar("Item")


class StageClock:
    """Measures how long each stage works, in one thread or in several at the same time.

    Attributes:
        seconds: working time of each stage, by its name.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._clock = clock
        self._working: dict[str, int] = defaultdict(int)  # threads
        self._since: dict[str, float] = {}
        self._lock = Lock()

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Count the time inside the ``with`` block as work of ``stage``."""
        with self._lock:
            if not self._working[stage]:
                self._since[stage] = self._clock()
            self._working[stage] += 1
        yield
        with self._lock:
            self._working[stage] -= 1
            if not self._working[stage]:
                self.seconds[stage] += self._clock() - self._since[stage]

    def over(self, stage: str, items: Iterator[Item]) -> Iterator[Item]:
        """Yield the same items, and count the time for each as work of ``stage``."""
        nothing = object()
        while True:
            with self(stage):
                item = next(items, nothing)
            if item is nothing:
                return
            yield item  # type: ignore[misc]

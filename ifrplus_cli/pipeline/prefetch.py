"""Run one stage ahead of the next in its own threads, with a bounded queue between them."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
POLL_S = 0.1


class Prefetch(Generic[Item]):
    """Iterates over the items of ``source`` while a thread works up to ``depth`` items ahead.

    An exception in the source is raised where its next item would have been. Closing stops the thread, whatever it is
    doing; leaving the ``with`` block closes it.
    """

    def __init__(self, source: Iterator[Item], depth: int) -> None:
        self._source = source
        self._queue: queue.Queue[tuple[str, Item | BaseException | None]] = queue.Queue(maxsize=depth)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def __enter__(self) -> Prefetch[Item]:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[Item]:
        while True:
            kind, value = self._queue.get()
            if kind == "end":
                return
            if kind == "error":
                assert isinstance(value, BaseException)
                raise value
            yield value  # type: ignore[misc]

    def close(self) -> None:
        """Stop the thread and wait for the item it is working on."""
        self._stopped.set()
        while self._thread.is_alive():
            with suppress(queue.Empty):
                self._queue.get_nowait()
            self._thread.join(POLL_S)

    def _work(self) -> None:
        try:
            for item in self._source:
                if not self._put(("item", item)):
                    return
            self._put(("end", None))
        except BaseException as error:
            self._put(("error", error))

    def _put(self, entry: tuple[str, Item | BaseException | None]) -> bool:
        while not self._stopped.is_set():
            with suppress(queue.Full):
                self._queue.put(entry, timeout=POLL_S)
                return True
        return False


def side_by_side(work: Callable[[Item], Result], items: Iterator[Item], count: int) -> Generator[Result, None, None]:
    """Yield the result of ``work`` for each item, in order; ``count`` items are in work at a time, each in a thread.

    Another thread takes the items, one more than are in work. An exception of ``work`` is raised where its result
    would have been. Closing waits for the items in work.
    """
    pool = ThreadPoolExecutor(count)
    try:
        with Prefetch((pool.submit(work, item) for item in items), max(1, count - 1)) as begun:
            for future in begun:
                yield future.result()
    finally:
        pool.shutdown(cancel_futures=True)

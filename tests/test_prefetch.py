"""A stage works ahead in its own thread, but only so far, and never keeps its fault to itself."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from itertools import count

import pytest

from ifrplus_cli.prefetch import Prefetch


class Counter:
    """How many items a source has made and a consumer has taken, and how far apart they ever were."""

    def __init__(self) -> None:
        self.made = self.taken = self.lead = 0
        self._changed = threading.Condition()

    def make(self, number: int) -> Iterator[int]:
        for item in range(number):
            with self._changed:
                self.made += 1
                self.lead = max(self.lead, self.made - self.taken)
                self._changed.notify()
            yield item

    def take(self) -> None:
        with self._changed:
            self.taken += 1

    def wait_for_lead(self, lead: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self.made - self.taken >= lead, timeout=20)


def test_items_come_out_in_order() -> None:
    with Prefetch(iter(range(50)), depth=3) as ahead:
        assert list(ahead) == list(range(50))


def test_the_source_runs_in_another_thread() -> None:
    def work() -> Iterator[int]:
        yield threading.get_ident()

    with Prefetch(work(), depth=1) as ahead:
        assert next(iter(ahead)) != threading.get_ident()


def test_a_slow_consumer_holds_the_source_back() -> None:
    depth, counter = 3, Counter()
    with Prefetch(counter.make(200), depth) as ahead:
        for item in ahead:
            counter.take()
            if item < 150:  # the source runs as far ahead as it can
                counter.wait_for_lead(depth)
    assert counter.taken == 200
    assert counter.lead <= depth + 2  # a full queue, one that waits for room, and one just taken


@pytest.mark.parametrize("fault", [RuntimeError, KeyboardInterrupt])
def test_a_fault_of_the_source_comes_out_where_its_item_would_have(fault: type[BaseException]) -> None:
    def work() -> Iterator[int]:
        yield from (1, 2)
        raise fault

    taken: list[int] = []
    with Prefetch(work(), depth=1) as ahead, pytest.raises(fault):
        for item in ahead:
            taken.append(item)
    assert taken == [1, 2]


@pytest.mark.parametrize("taken", [0, 1, 5])
def test_closing_stops_an_endless_source_that_waits_for_room(taken: int) -> None:
    threads = set(threading.enumerate())
    with Prefetch(count(), depth=2) as ahead:
        items = iter(ahead)
        assert [next(items) for _ in range(taken)] == list(range(taken))
    assert set(threading.enumerate()) <= threads


def test_closing_waits_for_the_item_in_work() -> None:
    done = threading.Event()

    def work() -> Iterator[int]:
        time.sleep(0.05)
        done.set()
        yield 1

    with Prefetch(work(), depth=1):
        pass
    assert done.is_set()


def test_a_fault_in_the_consumer_stops_the_source() -> None:
    threads = set(threading.enumerate())
    with pytest.raises(ValueError, match="consumer"), Prefetch(count(), depth=2) as ahead:
        next(iter(ahead))
        raise ValueError("consumer")
    assert set(threading.enumerate()) <= threads

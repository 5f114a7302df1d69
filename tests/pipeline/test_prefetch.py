"""A stage works ahead in threads of its own, but only so far, and never keeps its fault to itself."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from itertools import count

import pytest

from ifrplus_cli.pipeline.prefetch import Prefetch, side_by_side


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


def test_as_many_items_as_said_are_worked_on_side_by_side() -> None:
    meeting = threading.Barrier(3)

    def work(item: int) -> int:
        meeting.wait(timeout=20)  # it goes on when three of them are here
        return -item

    assert list(side_by_side(work, iter(range(9)), 3)) == [-item for item in range(9)]


def test_results_keep_the_order_of_the_items_and_no_more_are_taken_than_needed() -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for item in range(20):
            taken.append(item)
            yield item

    def work(item: int) -> int:
        time.sleep(0.02 if item % 2 == 0 else 0)
        return item

    for item in side_by_side(work, items(), 2):
        assert len(taken) <= item + 5  # two being worked on, one that waits, one about to, and one just taken
    assert taken == list(range(20))


def test_a_result_does_not_wait_for_the_next_item() -> None:
    more = threading.Event()

    def items() -> Iterator[int]:
        yield 1
        assert more.wait(timeout=20)
        yield 2

    results = side_by_side(lambda item: item, items(), 2)
    assert next(results) == 1
    more.set()
    assert list(results) == [2]


def test_a_fault_of_the_work_comes_out_in_its_place() -> None:
    def work(item: int) -> float:
        return 1 / (item - 2)

    results = side_by_side(work, iter(range(5)), 2)
    assert [next(results), next(results)] == [-0.5, -1.0]
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_closing_leaves_no_work_behind() -> None:
    done: list[int] = []
    results = side_by_side(done.append, count(), 2)
    next(results)
    results.close()
    left = len(done)
    time.sleep(0.05)
    assert len(done) == left <= 4

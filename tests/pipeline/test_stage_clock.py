"""A stage is timed by the clock on the wall, however many threads work at it."""

from __future__ import annotations

import threading

from ifrplus_cli.pipeline.stage_clock import StageClock


def test_a_stage_that_works_in_two_threads_is_not_counted_twice() -> None:
    now = iter([0.0, 5.0, 10.0, 12.0])
    clock = StageClock(lambda: next(now))
    with clock("network"), clock("network"):  # from 0 to 5
        pass
    with clock("network"):
        pass
    assert clock.seconds == {"network": 7.0}


def test_stages_that_overlap_keep_their_own_time() -> None:
    now = iter([0.0, 1.0, 4.0, 10.0])
    clock = StageClock(lambda: next(now))
    with clock("flow"), clock("network"):  # one begins at 0 and ends at 10, the other at 1 and at 4
        pass
    assert clock.seconds == {"flow": 10.0, "network": 3.0}


def test_many_threads_lose_no_time() -> None:
    lock, now = threading.Lock(), iter(range(10_000))

    def tick() -> float:
        with lock:
            return next(now)

    clock = StageClock(tick)

    def work() -> None:
        for _ in range(200):
            with clock("network"):
                pass

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert clock.seconds["network"] >= next(now) / 2  # each spell begins with a tick and ends with one

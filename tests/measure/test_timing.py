"""Two pieces of work take turns."""

from __future__ import annotations

import pytest

from ifrplus_cli.measure.timing import Spread, seconds_of, take_turns


def test_a_spread_is_median_and_extremes() -> None:
    assert Spread.of([3.0, 1.0, 8.0]) == Spread(3.0, 1.0, 8.0)


def test_ratios_are_those_of_each_turn() -> None:
    """A machine that slows down for both changes no ratio."""
    now = [0.0]
    order: list[str] = []

    def work(name: str, seconds: list[float]) -> None:
        order.append(name)
        now[0] += seconds.pop(0)

    ours, theirs = [1.0, 2.0, 10.0], [3.0, 6.0, 20.0]
    found = take_turns(lambda: work("a", ours), lambda: work("b", theirs), 3, clock=lambda: now[0])
    assert order == ["a", "b"] * 3
    assert found.ours == Spread(2.0, 1.0, 10.0)
    assert found.times_as_fast == Spread(3.0, 2.0, 3.0)


def test_the_clock_is_read_before_and_after() -> None:
    ticks = iter([5.0, 7.5])
    assert seconds_of(lambda: None, lambda: next(ticks)) == pytest.approx(2.5)

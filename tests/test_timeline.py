"""The output clock: exact, complete, in order, and the same in pieces as in one go."""

from __future__ import annotations

from fractions import Fraction
from itertools import accumulate, pairwise
from math import ceil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ifrplus_cli.media import Tick
from ifrplus_cli.timeline import FINEST, Timeline

factors = st.fractions(Fraction(1), Fraction(64), max_denominator=50).filter(lambda factor: factor > 1)
gaps = st.lists(st.fractions(Fraction(1, 90_000), Fraction(10), max_denominator=90_000), min_size=1, max_size=12)


def all_ticks(timeline: Timeline, times: list[Fraction], first: int = 0) -> list[Tick]:
    """Ticks of the slots between ``times``, the first of which is that of source frame ``first``."""
    slots = enumerate(pairwise(times), start=first)
    return [tick for index, (start, end) in slots for tick in timeline.ticks(index, start, end)]


@given(factors, st.integers(0, 10**6))
def test_n_frames_make_n_times_the_factor_rounded_up(factor: Fraction, frames: int) -> None:
    assert Timeline(factor).count(frames) == ceil(frames * factor)


@settings(deadline=None)
@given(factors, gaps)
def test_slots_have_as_many_ticks_as_counted_in_strict_order_inside_their_film(
    factor: Fraction, between: list[Fraction]
) -> None:
    times = list(accumulate(between, initial=Fraction(-1, 3)))
    ticks = all_ticks(Timeline(factor), times)
    assert len(ticks) == ceil(len(between) * factor)
    assert all(before.pts < after.pts for before, after in pairwise(ticks))
    assert all(0 <= tick.t < 1 for tick in ticks)
    assert ticks[0] == Tick(times[0], Fraction(0))
    assert ticks[-1].pts < times[-1]


@settings(deadline=None)
@given(factors, gaps, st.data())
def test_pieces_join_to_the_whole(factor: Fraction, between: list[Fraction], data: st.DataObject) -> None:
    times = list(accumulate(between, initial=Fraction(0)))
    cut = data.draw(st.integers(0, len(between)))
    timeline = Timeline(factor)
    pieces = all_ticks(timeline, times[: cut + 1]) + all_ticks(timeline, times[cut:], first=cut)
    assert pieces == all_ticks(timeline, times)


@settings(deadline=None)
@given(factors, gaps)
def test_every_source_frame_that_a_tick_meets_keeps_its_time(factor: Fraction, between: list[Fraction]) -> None:
    times = list(accumulate(between, initial=Fraction(0)))
    met = {tick.pts for tick in all_ticks(Timeline(factor), times) if tick.t == 0}
    assert met == {times[n] for n in range(len(between)) if (n * factor).denominator == 1}


@pytest.mark.parametrize(
    ("factor", "pts"),
    [
        (Fraction(2), [0, 20, 40, 70, 100, 110]),
        (Fraction(4), [0, 10, 20, 30, 40, 55, 70, 85, 100, 105, 110, 115]),
        (Fraction(5, 2), [0, 16, 32, 52, 76, 100, 108, 116]),
        (Fraction(3, 2), [0, Fraction(80, 3), 60, 100, Fraction(340, 3)]),
    ],
)
def test_each_gap_is_divided_at_its_own_length(factor: Fraction, pts: list[Fraction]) -> None:
    times = [Fraction(0), Fraction(40), Fraction(100), Fraction(120)]
    assert [tick.pts for tick in all_ticks(Timeline(factor), times)] == pts


@settings(deadline=None)
@given(st.sampled_from([2, 4, 8, Fraction(5, 2)]), st.lists(st.integers(1, 5000), min_size=1, max_size=10))
def test_all_ticks_are_whole_in_the_output_time_base(factor: Fraction, between: list[int]) -> None:
    source = Fraction(1, 90_000)
    timeline = Timeline(Fraction(factor))
    times = [tick * source for tick in accumulate(between, initial=7)]
    base = timeline.time_base(source)
    assert all((tick.pts / base).denominator == 1 for tick in all_ticks(timeline, times))


def test_the_time_base_is_never_finer_than_containers_count() -> None:
    assert Timeline(Fraction(8)).time_base(Fraction(1, 10**9)) == FINEST


@pytest.mark.parametrize("factor", [Fraction(1), Fraction(1, 2), Fraction(0)])
def test_a_factor_that_adds_no_frames_is_refused(factor: Fraction) -> None:
    with pytest.raises(ValueError, match="above 1"):
        Timeline(factor)

"""The output clock: exact, complete, in order, and the same in pieces as in one go."""

from __future__ import annotations

from fractions import Fraction
from itertools import accumulate, pairwise
from math import ceil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ifrplus_cli.frames.timeline import FINEST, ConstantTimeline, FactorTimeline, Timeline, last_tick, timesteps
from ifrplus_cli.values import Tick

factors = st.fractions(Fraction(1), Fraction(64), max_denominator=50).filter(lambda factor: factor > 1)


def gaps_of_up_to(seconds: int, most: int) -> st.SearchStrategy[list[Fraction]]:
    gap = st.fractions(Fraction(1, 90_000), Fraction(seconds), max_denominator=90_000)
    return st.lists(gap, min_size=1, max_size=most)


# A gap of ten seconds has ten thousand ticks at the highest rate: few of them tell as much as many.
gaps = st.one_of(gaps_of_up_to(1, 12), gaps_of_up_to(10, 2))


def all_ticks(timeline: Timeline, times: list[Fraction], first: int = 0) -> list[Tick]:
    """Ticks of the slots between ``times``, the first of which is that of source frame ``first``."""
    slots = enumerate(pairwise(times), start=first)
    return [tick for index, (start, end) in slots for tick in timeline.ticks(index, start, end)]


@given(factors, st.integers(0, 10**6))
def test_n_frames_make_n_times_the_factor_rounded_up(factor: Fraction, frames: int) -> None:
    assert FactorTimeline(factor).count(frames, Fraction(0)) == ceil(frames * factor)


@settings(deadline=None)
@given(factors, gaps)
def test_slots_have_as_many_ticks_as_counted_in_strict_order_inside_their_film(
    factor: Fraction, between: list[Fraction]
) -> None:
    times = list(accumulate(between, initial=Fraction(-1, 3)))
    ticks = all_ticks(FactorTimeline(factor), times)
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
    timeline = FactorTimeline(factor)
    pieces = all_ticks(timeline, times[: cut + 1]) + all_ticks(timeline, times[cut:], first=cut)
    assert pieces == all_ticks(timeline, times)


@settings(deadline=None)
@given(factors, gaps)
def test_every_source_frame_that_a_tick_meets_keeps_its_time(factor: Fraction, between: list[Fraction]) -> None:
    times = list(accumulate(between, initial=Fraction(0)))
    met = {tick.pts for tick in all_ticks(FactorTimeline(factor), times) if tick.t == 0}
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
    assert [tick.pts for tick in all_ticks(FactorTimeline(factor), times)] == pts


@settings(deadline=None)
@given(st.sampled_from([2, 4, 8, Fraction(5, 2)]), st.lists(st.integers(1, 5000), min_size=1, max_size=10))
def test_all_ticks_are_whole_in_the_output_time_base(factor: Fraction, between: list[int]) -> None:
    source = Fraction(1, 90_000)
    timeline = FactorTimeline(Fraction(factor))
    times = [tick * source for tick in accumulate(between, initial=7)]
    base = timeline.time_base(source)
    assert all((tick.pts / base).denominator == 1 for tick in all_ticks(timeline, times))


def test_the_time_base_is_never_finer_than_containers_count() -> None:
    assert FactorTimeline(Fraction(8)).time_base(Fraction(1, 10**9)) == FINEST


@pytest.mark.parametrize("factor", [Fraction(1), Fraction(1, 2), Fraction(0)])
def test_a_factor_that_adds_no_frames_is_refused(factor: Fraction) -> None:
    with pytest.raises(ValueError, match="above 1"):
        FactorTimeline(factor)


rates = st.sampled_from([Fraction(24), Fraction(60000, 1001), Fraction(60), Fraction(120000, 1001), Fraction(1000)])


@settings(deadline=None)
@given(rates, gaps)
def test_a_constant_rate_is_exact_and_complete_whatever_the_gaps(rate: Fraction, between: list[Fraction]) -> None:
    times = list(accumulate(between, initial=Fraction(-1, 3)))
    timeline = ConstantTimeline(rate, times[0])
    ticks = all_ticks(timeline, times)
    assert [tick.pts for tick in ticks] == [times[0] + n / rate for n in range(len(ticks))]
    assert len(ticks) == timeline.count(len(between), times[-1]) == ceil((times[-1] - times[0]) * rate)
    assert times[-1] - 1 / rate <= ticks[-1].pts < times[-1]


@settings(deadline=None)
@given(rates, gaps)
def test_a_tick_has_its_position_between_its_source_frames(rate: Fraction, between: list[Fraction]) -> None:
    times = list(accumulate(between, initial=Fraction(5)))
    timeline = ConstantTimeline(rate, times[0])
    for index, (start, end) in enumerate(pairwise(times)):
        for tick in timeline.ticks(index, start, end):
            assert 0 <= tick.t < 1
            assert tick.pts == start + tick.t * (end - start)


def test_24_to_60_alternates() -> None:
    times = [Fraction(n, 24) for n in range(5)]
    timeline = ConstantTimeline(Fraction(60), Fraction(0))
    assert [[float(tick.t) for tick in timeline.ticks(n, times[n], times[n + 1])] for n in range(4)] == [
        [0, 0.4, 0.8],
        [0.2, 0.6],
    ] * 2
    assert set(timesteps(timeline, times)) == {Fraction(n, 5) for n in range(1, 5)}


@settings(deadline=None)
@given(st.integers(0, 999), st.integers(2, 60))
def test_times_stored_in_milliseconds_still_meet_their_source_frames(shift: int, frames: int) -> None:
    millisecond = Fraction(1, 1000)
    true = [Fraction(shift, 777) + Fraction(n, 24) for n in range(frames + 1)]
    stored = [round(pts / millisecond) * millisecond for pts in true]
    timeline = ConstantTimeline(Fraction(60), stored[0], slack=millisecond)
    ticks = [timeline.ticks(n, stored[n], stored[n + 1]) for n in range(frames)]
    assert [len(slot) for slot in ticks] == [3, 2] * (frames // 2) + [3] * (frames % 2)
    assert all((slot[0].t == 0) == (n % 2 == 0) for n, slot in enumerate(ticks))
    assert all(tick.t == 0 or 0.15 < tick.t < 0.85 for slot in ticks for tick in slot)
    assert [tick.pts for slot in ticks for tick in slot] == [
        stored[0] + Fraction(n, 60) for n in range(sum(map(len, ticks)))
    ]


@settings(deadline=None)
@given(rates, st.lists(st.integers(1, 5000), min_size=1, max_size=10))
def test_constant_ticks_and_source_frames_are_whole_in_the_output_time_base(rate: Fraction, between: list[int]) -> None:
    source = Fraction(1, 90_000)
    times = [tick * source for tick in accumulate(between, initial=7)]
    timeline = ConstantTimeline(rate, times[0])
    base = timeline.time_base(source)
    assert all((pts / base).denominator == 1 for pts in [*times, *(tick.pts for tick in all_ticks(timeline, times))])
    assert timeline.rate(Fraction(24)) == rate


@settings(deadline=None)
@given(st.one_of(factors.map(FactorTimeline), rates.map(lambda rate: ConstantTimeline(rate, Fraction(0)))), gaps)
def test_the_last_tick_is_found_without_the_others(timeline: Timeline, between: list[Fraction]) -> None:
    times = list(accumulate(between, initial=Fraction(0)))
    assert last_tick(timeline, times[:-1], times[-1]) == all_ticks(timeline, times)[-1]

"""Which output frames belong to which source frame, and which of them an earlier run has written."""

from __future__ import annotations

from fractions import Fraction

import pytest
from made_up import STEP, frame_of

from ifrplus_cli.frames.pairing import pair_frames
from ifrplus_cli.frames.timeline import ConstantTimeline, FactorTimeline
from ifrplus_cli.pipeline.slots import Slot, Wanted, choose_wanted, slots_of
from ifrplus_cli.pixel_formats import PIXEL_FORMATS
from ifrplus_cli.values import Frame, Pair, PairKind

CODES = (0, 80, 80, 160)  # of four frames, the third of which repeats the second


def slots(frames: list[Frame], factor: Fraction = Fraction(2)) -> list[Slot]:
    pairs = pair_frames(frames, pixel_format=PIXEL_FORMATS["gray"], cut_threshold=None)
    return list(slots_of(frames[0], pairs, FactorTimeline(factor), STEP))


def film() -> list[Frame]:
    return [frame_of(number, code) for number, code in enumerate(CODES)]


def test_every_source_frame_has_a_slot_and_the_last_one_is_held() -> None:
    found = slots(film())
    assert [slot.frame.planes[0][0, 0] for slot in found] == list(CODES)
    assert [[tick.pts for tick in slot.ticks] for slot in found] == [
        [n * STEP, (n + Fraction(1, 2)) * STEP] for n in range(4)
    ]
    assert [slot.pair and slot.pair.kind for slot in found] == [
        PairKind.MOTION,
        PairKind.DUPLICATE,
        PairKind.MOTION,
        None,
    ]
    assert [len(slot.made) for slot in found] == [1, 0, 1, 0]


def test_a_slot_knows_the_pairs_in_motion_around_it() -> None:
    found = slots([frame_of(number, 10 * number) for number in range(4)])

    def index(pair: Pair | None) -> int | None:
        return pair and pair.index

    assert [(index(slot.before), index(slot.after)) for slot in found] == [(None, 1), (0, 2), (1, None), (None, None)]


def test_a_single_frame_is_held() -> None:
    (slot,) = slots([frame_of(0)], Fraction(5, 2))
    assert (slot.pair, len(slot.wanted), slot.made) == (None, 3, ())


def test_repeated_frames_are_one_slot() -> None:
    frames = [frame_of(0, 0, repeats=[1]), frame_of(2, 200)]
    first, held = slots(frames)
    assert [(tick.pts / STEP, tick.t) for tick in first.ticks] == [(Fraction(n, 2), Fraction(n, 4)) for n in range(4)]
    assert [tick.pts / STEP for tick in held.ticks] == [2, Fraction(5, 2)]


@pytest.mark.parametrize("kept", range(10))
def test_what_an_earlier_run_has_written_is_not_wanted(kept: int) -> None:
    whole = slots(film())
    rest = list(choose_wanted(whole, Wanted(kept)))
    assert [slot.ticks for slot in rest] == [slot.ticks for slot in whole]
    every = [tick for slot in whole for tick in slot.ticks]
    assert [tick for slot in rest for tick in slot.wanted] == every[kept:]
    assert sum(len(slot.made) + len(slot.made_elsewhere) for slot in rest) == 2
    assert sum(len(slot.made_elsewhere) for slot in rest) == len([n for n in (1, 5) if n < kept])


def test_a_constant_rate_may_leave_slots_empty() -> None:
    frames = [frame_of(number, 20 * number) for number in range(3)]
    pairs = pair_frames(frames, pixel_format=PIXEL_FORMATS["gray"], cut_threshold=None)
    found = list(slots_of(frames[0], pairs, ConstantTimeline(Fraction(12), Fraction(0)), STEP))
    assert [len(slot.ticks) for slot in found] == [1, 0, 1]
    assert [len(slot.made) for slot in found] == [0, 0, 0]

"""Slots are counted by what became of them, in this run and in the one before."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from made_up import STEP, clip_of, frame_of, pair_of

from ifrplus_cli.frames.cut_list import Cut
from ifrplus_cli.pipeline.filler import FilledSlot
from ifrplus_cli.pipeline.slots import Slot
from ifrplus_cli.pipeline.tally import Tally
from ifrplus_cli.values import PairKind, Tick

TICKS = tuple(Tick(n * STEP / 3, Fraction(n, 3)) for n in range(3))


def test_slots_are_counted() -> None:
    tally = Tally(clip_of(5))
    moving, cut, repeated = pair_of(0), pair_of(1, PairKind.CUT), pair_of(2, PairKind.DUPLICATE)
    tally.add(FilledSlot(Slot(moving.left, TICKS, TICKS[2:], moving), made=((),)))
    tally.add(FilledSlot(Slot(cut.left, TICKS, TICKS, cut)))
    tally.add(FilledSlot(Slot(repeated.left, TICKS, TICKS, repeated)))
    tally.add(FilledSlot(Slot(frame_of(4), TICKS, TICKS)))
    assert tally.pairs == {"motion": 1, "cut": 1, "duplicate": 1}
    assert (tally.made, tally.made_elsewhere, tally.smoothed) == (1, 1, 0)
    assert tally.cuts == [Cut(2, 2 * STEP, 0.5)]


def test_a_cut_at_the_seam_of_a_loop_is_none_of_the_film() -> None:
    tally, seam = Tally(clip_of(5)), replace(pair_of(4, PairKind.CUT), seam=True)
    assert tally.seam is None
    tally.add(FilledSlot(Slot(seam.left, TICKS, TICKS, seam)))
    assert (tally.seam, tally.pairs["cut"], tally.cuts) == (PairKind.CUT, 1, [])


def test_repeated_frames_that_were_smoothed_over_are_counted() -> None:
    tally, pair = Tally(clip_of(4)), replace(pair_of(0), left=frame_of(0, repeats=[1, 2]))
    tally.add(FilledSlot(Slot(pair.left, TICKS, (), pair)))
    assert (tally.smoothed, tally.made, tally.made_elsewhere) == (2, 0, 2)

"""Given cuts are counted from the film's first frame, also where a part of the film is used."""

from __future__ import annotations

from dataclasses import replace

from made_up import STEP, clip_of, frame_of, pair_of

from ifrplus_cli.frames.cut_list import Cut
from ifrplus_cli.pipeline.job import UpsampleOptions
from ifrplus_cli.pipeline.pairs import cut_at, pairs_of
from ifrplus_cli.values import PairKind, Section

FRAMES = [frame_of(number, code) for number, code in enumerate((0, 60, 61, 61, 61, 130, 190))]
PART = Section(film_start=10 * STEP, number=4, first=14 * STEP, begin=14 * STEP, end=21 * STEP)


def test_given_cuts_are_found_in_a_section() -> None:
    clip, options = clip_of(7), UpsampleOptions(cuts=frozenset({5, 9}))
    kinds = [pair.kind for pair in pairs_of(iter(FRAMES), clip, options)]
    assert [n for n, kind in enumerate(kinds, start=1) if kind is PairKind.CUT] == [5]
    kinds = [pair.kind for pair in pairs_of(iter(FRAMES), replace(clip, section=PART), options)]
    assert [n for n, kind in enumerate(kinds, start=1) if kind is PairKind.CUT] == [1, 5]


def test_a_cut_is_listed_by_its_place_in_the_film() -> None:
    clip = clip_of(7)
    assert cut_at(pair_of(2, PairKind.CUT), clip) == Cut(3, 3 * STEP, 0.5)
    assert cut_at(pair_of(12, PairKind.CUT), replace(clip, section=PART)) == Cut(17, 3 * STEP, 0.5)


def test_repeated_frames_are_smoothed_over_on_request() -> None:
    clip = clip_of(7)
    assert len(list(pairs_of(iter(FRAMES), clip, UpsampleOptions()))) == 6
    smooth = list(pairs_of(iter(FRAMES), clip, UpsampleOptions(smooth_duplicates=True, cut_threshold=None)))
    assert sum(len(pair.left.repeats) for pair in smooth) == 3
    assert len(smooth) == 3

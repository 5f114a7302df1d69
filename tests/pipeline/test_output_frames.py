"""Source frames pass untouched; what lies between them is made, held or mixed."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from made_up import HEIGHT, STEP, WIDTH, clip_of, frame_of, pair_of

from ifrplus_cli.frames.colour import Converter
from ifrplus_cli.pipeline.filler import FilledSlot
from ifrplus_cli.pipeline.output_frames import frames_of, mixer
from ifrplus_cli.pipeline.slots import Slot
from ifrplus_cli.values import Pair, PairKind, Tick

TICKS = tuple(Tick(n * STEP / 2, Fraction(n, 2)) for n in range(2))
MADE = (np.full((HEIGHT, WIDTH), 99, np.uint8),)


def codes(filled: FilledSlot, **options: object) -> list[int]:
    found = list(frames_of(filled, **options))  # type: ignore[arg-type]
    assert [frame.pts for frame in found] == [tick.pts for tick in filled.slot.wanted]
    return [int(frame.planes[0][0, 0]) for frame in found]


def slot_of(kind: PairKind, wanted: tuple[Tick, ...] = TICKS) -> Slot:
    pair = pair_of(0, kind)
    return Slot(pair.left, TICKS, wanted, pair)


def convert_of(pix_fmt: str) -> Converter:
    clip = clip_of(2, pix_fmt)
    return Converter(clip.pixel_format, clip.colour, WIDTH, HEIGHT)


def test_a_made_frame_follows_its_source_frame() -> None:
    slot = slot_of(PairKind.MOTION)
    first, second = frames_of(FilledSlot(slot, (MADE,)))
    assert first.planes is slot.frame.planes
    assert second.planes is MADE


def test_only_what_is_wanted_comes_out() -> None:
    assert codes(FilledSlot(slot_of(PairKind.MOTION, TICKS[1:]), (MADE,))) == [99]


@pytest.mark.parametrize("kind", [PairKind.CUT, PairKind.DUPLICATE])
def test_without_motion_the_left_frame_is_held(kind: PairKind) -> None:
    assert codes(FilledSlot(slot_of(kind))) == [10, 10]


def test_a_cut_is_mixed_on_request_and_a_repeated_frame_is_not() -> None:
    mix = mixer(convert_of("gray"))
    assert codes(FilledSlot(slot_of(PairKind.CUT)), mix=mix) == [10, 20]
    assert codes(FilledSlot(slot_of(PairKind.DUPLICATE)), mix=mix) == [10, 10]


def test_the_last_frame_is_held() -> None:
    last = frame_of(7)
    assert codes(FilledSlot(Slot(last, TICKS, TICKS)), mix=mixer(convert_of("gray"))) == [7, 7]


def test_what_is_clear_has_no_colour_when_frames_are_mixed() -> None:
    clear, opaque = frame_of(0, 0, 0, 0, 0), frame_of(1, 200, 200, 200, 255)
    mixed = mixer(convert_of("gbrap"))(Pair(0, clear, opaque, PairKind.CUT), Fraction(1, 2))
    assert [int(plane[0, 0]) for plane in mixed[:3]] == [200, 200, 200]
    assert int(mixed[3][0, 0]) in (127, 128)

"""All stages at work: frames in, output frames out, in order, with nothing left over."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from fractions import Fraction

import pytest
from clips import blend_model
from made_up import HEIGHT, STEP, WIDTH, clip_of, frame_of

from ifrplus_cli.frames.colour import Converter
from ifrplus_cli.frames.timeline import FactorTimeline
from ifrplus_cli.pipeline.filler import FilledSlot, SlotFiller
from ifrplus_cli.pipeline.job import Job, UpsampleOptions
from ifrplus_cli.pipeline.slots import Wanted
from ifrplus_cli.pipeline.stage_clock import StageClock
from ifrplus_cli.pipeline.stages import output_of
from ifrplus_cli.values import ClipInfo, Frame

COUNT = 12
FILM = [frame_of(number, 10 + 20 * number) for number in range(COUNT)]


def job_of(clip: ClipInfo) -> Job:
    options = UpsampleOptions(cut_threshold=None)
    return Job(clip, options, FactorTimeline(Fraction(2)), encode=None)  # type: ignore[arg-type]


def filler_of(clip: ClipInfo) -> SlotFiller:
    convert = Converter(clip.pixel_format, clip.colour, WIDTH, HEIGHT)
    return SlotFiller(blend_model(), convert, clock=StageClock())


def outputs(frames: Iterator[Frame], **options: object) -> list[Frame]:
    clip = clip_of(COUNT)
    with output_of(frames, job_of(clip), filler_of(clip), **{"at_once": 1, **options}) as output:  # type: ignore[arg-type]
        return list(output)


@pytest.mark.parametrize("at_once", [1, 3])
def test_frames_come_out_in_order(at_once: int) -> None:
    found = outputs(iter(FILM), at_once=at_once)
    assert [frame.pts for frame in found] == [n * STEP / 2 for n in range(2 * COUNT)]
    assert [int(frame.planes[0][0, 0]) for frame in found] == [*range(10, 10 + 20 * COUNT - 10, 10), 230]


@pytest.mark.parametrize("kept", [1, 7, 2 * COUNT - 1, 2 * COUNT])
def test_what_is_kept_is_left_out_and_counted_all_the_same(kept: int) -> None:
    seen: list[FilledSlot] = []
    found = outputs(iter(FILM), wanted=Wanted(kept), watchers=[seen.append])
    assert [frame.pts for frame in found] == [n * STEP / 2 for n in range(kept, 2 * COUNT)]
    assert [slot.slot.frame.pts for slot in seen] == [n * STEP for n in range(COUNT)]


def test_a_single_frame_is_held() -> None:
    assert [frame.pts for frame in outputs(iter(FILM[:1]))] == [0, STEP / 2]


def test_a_fault_of_the_decoder_comes_out_after_the_frames_before_it() -> None:
    def failing() -> Iterator[Frame]:
        yield from FILM[:4]
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        outputs(failing())


def test_leaving_early_stops_every_stage() -> None:
    before = threading.active_count()
    clip = clip_of(COUNT)
    with output_of(iter(FILM), job_of(clip), filler_of(clip), at_once=2) as output:
        next(output)
    assert threading.active_count() == before

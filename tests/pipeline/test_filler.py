"""The network is asked for what is wanted alone, with alpha beside colours."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from blends import blend
from clips import blend_model
from made_up import HEIGHT, STEP, WIDTH, clip_of, frame_of, pair_of

from ifrplus_cli.frames.colour import Converter
from ifrplus_cli.network import interpolator
from ifrplus_cli.pipeline.filler import SlotFiller
from ifrplus_cli.pipeline.slots import Slot
from ifrplus_cli.pipeline.stage_clock import StageClock
from ifrplus_cli.values import Pair, PairKind, Tick

TICKS = tuple(Tick(n * STEP / 4, Fraction(n, 4)) for n in range(4))


def slot_of(pair: Pair, wanted: tuple[Tick, ...] = TICKS) -> Slot:
    return Slot(pair.left, TICKS, wanted, pair)


def filler_of(asked: list[float], pix_fmt: str = "gray", *, keeps_seen: bool = False) -> SlotFiller:
    def network(left: np.ndarray, right: np.ndarray, t: np.ndarray) -> np.ndarray:
        asked.append(float(t[0, 0, 0, 0]))
        return blend(left, right, t)

    clip = clip_of(2, pix_fmt)
    convert = Converter(clip.pixel_format, clip.colour, WIDTH, HEIGHT)
    return SlotFiller(blend_model(network), convert, clock=StageClock(), keeps_seen=keeps_seen)


def test_frames_are_made_between_both_source_frames() -> None:
    asked: list[float] = []
    filler = filler_of(asked)
    filled = filler.fill(filler.look(slot_of(pair_of(0, codes=(20, 100)))))
    assert [int(planes[0][0, 0]) for planes in filled.made] == [40, 60, 80]
    assert (asked, filled.seen) == ([0.25, 0.5, 0.75], ())


def test_only_what_is_wanted_is_made() -> None:
    asked: list[float] = []
    filler = filler_of(asked)
    filled = filler.fill(filler.look(slot_of(pair_of(0, codes=(20, 100)), TICKS[2:])))
    assert (len(filled.made), asked) == (2, [0.5, 0.75])


@pytest.mark.parametrize("kind", [PairKind.CUT, PairKind.DUPLICATE])
def test_nothing_is_made_without_motion(kind: PairKind) -> None:
    asked: list[float] = []
    filler = filler_of(asked)
    looked = filler.look(slot_of(pair_of(0, kind)))
    assert (looked.colours, filler.fill(looked).made, asked) == (None, (), [])


def test_nothing_is_made_for_a_frame_that_is_held() -> None:
    filler = filler_of([])
    held = Slot(frame_of(0), TICKS, TICKS)
    assert filler.fill(filler.look(held)).made == ()


def test_a_report_sees_the_frames_on_either_side() -> None:
    filler = filler_of([], keeps_seen=True)
    filled = filler.fill(filler.look(slot_of(pair_of(0, codes=(20, 100)))))
    assert len(filled.seen) == 3
    for left, made, right in filled.seen:
        assert left.mean() < made.image.mean() < right.mean()
        assert made.doubt is not None


def test_doubt_is_not_estimated_without_a_report(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interpolator, "doubt_about", lambda *_: pytest.fail("it takes time"))
    filler = filler_of([])
    assert len(filler.fill(filler.look(slot_of(pair_of(0, codes=(20, 100))))).made) == 3


def test_alpha_is_made_beside_colours() -> None:
    asked: list[float] = []
    filler = filler_of(asked, "gbrap")
    left, right = frame_of(0, 100, 100, 100, 255), frame_of(1, 200, 200, 200, 55)
    pair = replace(pair_of(0), left=left, right=right)
    filled = filler.fill(filler.look(slot_of(pair, TICKS[2:3])))
    assert asked == [0.5, 0.5]
    (planes,) = filled.made
    assert len(planes) == 4
    assert int(planes[3][0, 0]) == 155

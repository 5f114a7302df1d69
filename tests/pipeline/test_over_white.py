"""What is clear becomes white where alpha can't be stored, and that is counted."""

from __future__ import annotations

from made_up import frame_of

from ifrplus_cli.pipeline.over_white import OverWhite
from ifrplus_cli.pixel_formats import PIXEL_FORMATS

ALPHA, OPAQUE = PIXEL_FORMATS["gbrap"], PIXEL_FORMATS["gbrp"]


def test_clear_frames_are_laid_over_white_and_counted() -> None:
    cover = OverWhite(ALPHA, OPAQUE, full_range=True)
    clear, opaque = cover(frame_of(0, 1, 2, 3, 0)), cover(frame_of(1, 1, 2, 3, 255))
    assert [int(plane[0, 0]) for plane in clear.planes] == [255, 255, 255]
    assert [int(plane[0, 0]) for plane in opaque.planes] == [1, 2, 3]
    assert cover.covered == 1


def test_frames_pass_where_alpha_is_stored() -> None:
    cover, frame = OverWhite(ALPHA, ALPHA, full_range=True), frame_of(0, 1, 2, 3, 0)
    assert cover(frame) is frame
    assert cover.covered == 0

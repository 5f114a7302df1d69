"""Pixel formats have ffmpeg's memory layout; a clip knows when it begins and how long it lasts."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from clips import frame_hashes, make_clip

from ifrplus_cli.pixel_formats import PIXEL_FORMATS, Chroma
from ifrplus_cli.video.reading.probe import probe


@pytest.mark.parametrize(
    ("name", "shapes"),
    [
        ("gray", [(359, 641)]),
        ("yuv420p", [(359, 641), (180, 321), (180, 321)]),
        ("yuv422p", [(359, 641), (359, 321), (359, 321)]),
        ("yuv444p10le", [(359, 641)] * 3),
        ("gbrp", [(359, 641)] * 3),
    ],
)
def test_chroma_of_odd_sizes_is_rounded_up(name: str, shapes: list[tuple[int, int]]) -> None:
    assert list(PIXEL_FORMATS[name].plane_shapes(641, 359)) == shapes


@pytest.mark.parametrize("name", ["gray", "gray10le", "yuv420p", "yuv420p10le", "yuv422p12le", "gbrp"])
def test_a_frame_takes_as_many_bytes_as_ffmpeg_writes(name: str, tmp_path: Path) -> None:
    odd = make_clip(tmp_path / "odd.mkv", size="33x21", pix_fmt=name, frames=1)
    assert frame_hashes(odd, name)[0][0] == PIXEL_FORMATS[name].frame_bytes(33, 21)


def test_deep_formats_use_16_bit_words_and_others_bytes() -> None:
    assert {(f.depth == 8, np.dtype(f.dtype).itemsize) for f in PIXEL_FORMATS.values()} == {(True, 1), (False, 2)}


def test_every_chroma_layout_comes_in_8_and_10_bit() -> None:
    assert {(f.chroma, f.depth) for f in PIXEL_FORMATS.values()} >= {(c, d) for c in Chroma for d in (8, 10)}


def test_a_clip_lasts_to_the_end_of_its_last_frame(clip: Path) -> None:
    found = replace(probe(clip), packet_pts=(250, 290, 400), time_base=Fraction(1, 1000), last_duration=Fraction(1, 40))
    assert (found.start, found.duration) == (Fraction(1, 4), Fraction(7, 40))

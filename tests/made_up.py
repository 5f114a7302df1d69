"""A clip and its frames that are in no file, for stages that need no ffmpeg."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np

from ifrplus_cli.pixel_formats import PIXEL_FORMATS
from ifrplus_cli.values import ClipInfo, ColourTags, Frame, LightInfo, Pair, PairKind
from ifrplus_cli.video.reading.sources import FileSource

WIDTH, HEIGHT = 64, 48
STEP = Fraction(1, 25)  # seconds from one frame to the next


def clip_of(frames: int, pix_fmt: str = "gray") -> ClipInfo:
    """A clip of so many frames at 25 a second."""
    path = Path("made-up.mkv")
    return ClipInfo(
        path=path,
        source=FileSource(path),
        container="matroska,webm",
        stream_index=0,
        codec="ffv1",
        width=WIDTH,
        height=HEIGHT,
        source_format=pix_fmt,
        decode_format=pix_fmt,
        pixel_format=PIXEL_FORMATS[pix_fmt],
        colour=ColourTags(),
        light=LightInfo(),
        sample_aspect=None,
        display_matrix=None,
        time_base=STEP,
        rate=1 / STEP,
        packet_pts=tuple(range(frames)),
        last_duration=STEP,
        variable_rate=False,
        decode_times_only=False,
        streams=(),
        chapters=(),
        field_order="progressive",
    )


def frame_of(number: int, *codes: int, repeats: Sequence[int] = ()) -> Frame:
    """A frame whose planes are flat, each of one code; by default a single plane."""
    planes = tuple(np.full((HEIGHT, WIDTH), code, np.uint8) for code in codes or (number,))
    return Frame(number * STEP, planes, tuple(repeat * STEP for repeat in repeats))


def pair_of(number: int, kind: PairKind = PairKind.MOTION, codes: Sequence[int] = (10, 30)) -> Pair:
    """Frames ``number`` and the one after it, in one plane of the codes."""
    left, right = codes
    return Pair(number, frame_of(number, left), frame_of(number + 1, right), kind, 0.5)

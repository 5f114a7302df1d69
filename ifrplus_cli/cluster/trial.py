"""Encode a moment of grey: its bytes show how many threads an encoder takes, and whether two encoders are the same."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from ifrplus_cli.values import Frame, Plane
from ifrplus_cli.video.writing.encode import VideoEncoder
from ifrplus_cli.video.writing.encode_plan import EncodePlan
from ifrplus_cli.video.writing.encoder_threads import chosen_threads

FRAMES = 2


def encode_grey(plan: EncodePlan, folder: Path) -> bytes:
    """Encode some grey frames as a segment, and return its bytes.

    Args:
        folder: folder in which a temporary folder may be made.

    Raises:
        OutputError: if ffmpeg fails.
    """
    form = plan.raw_format
    shapes = form.plane_shapes(plan.width, plan.height)
    grey: tuple[Plane, ...] = tuple(np.full(shape, 1 << (form.depth - 1), form.dtype) for shape in shapes)
    with tempfile.TemporaryDirectory(prefix=".ifrplus-", dir=folder) as temporary:
        path = Path(temporary) / "grey.part"
        with VideoEncoder(plan, path, segment_of=Fraction(0)) as encoder:
            for number in range(FRAMES):
                encoder.write(Frame(number / plan.timing.rate, grey))
            encoder.finish()
        return path.read_bytes()


def with_threads(plan: EncodePlan, folder: Path) -> EncodePlan:
    """Return the plan with the number of threads that the encoder takes here, if its result depends on it.

    Raises:
        OutputError: if ffmpeg fails.
    """
    if "threads" in dict(plan.encoder_options):
        return plan
    threads = chosen_threads(plan.codec, plan.stored_height, encode_grey(plan, folder))
    if threads is None:
        return plan
    return replace(plan, encoder_options=(*plan.encoder_options, ("threads", str(threads))))

"""Find frames that repeat the frame before them, as in animation on twos and threes or in a stuttering recording.

A frame is a repeat if it differs little from the frame before it, compared with the difference that the next new frame
brings. Compression noise therefore does not hide a repeat, and a picture that changes slightly with every frame (a slow
fade, a small moving part, a slow pan) is not taken for one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt

from ifrplus_cli.pixel_formats import PixelFormat
from ifrplus_cli.values import Frame

LONGEST_RUN = 6  # equal frames; a longer rest is intended
BLOCK = 4  # pixels a side: block means are compared, because they carry little noise
REPEAT_CHANGE = 20.0  # 8-bit codes: the most by which a block of a repeated frame may differ
REPEAT_SHARE = 0.3  # the most by which repeats may differ, as a share of the difference to the next new frame

_Means = npt.NDArray[np.float32]


def without_repeats(frames: Iterable[Frame], pixel_format: PixelFormat) -> Iterator[Frame]:
    """Yield the frames without the repeats; ``repeats`` of the frame that was kept holds the times of its repeats.

    At most ``LONGEST_RUN`` frames and one are held in memory. A run at the end of the film, or one longer than
    ``LONGEST_RUN``, is passed on unchanged.

    Args:
        frames: in presentation order.
        pixel_format: format of their planes; luma is compared, or green for RGB.
    """
    run: list[Frame] = []  # a frame, and the frames after it that have been equal so far
    means: list[_Means] = []
    resting = False  # True inside a run that is too long
    for frame in frames:
        new = _means(frame, pixel_format)
        if run and resting:
            yield run.pop()
            resting = _difference(means.pop(), new) < REPEAT_CHANGE
        while run and (change := _difference(means[0], new)) >= REPEAT_CHANGE:
            if _repeats(means, change):
                yield replace(run[0], repeats=tuple(alike.pts for alike in run[1:]))
                run, means = [], []
            else:
                yield run.pop(0)
                means.pop(0)
        run.append(frame)
        means.append(new)
        if len(run) > LONGEST_RUN:
            yield from run[:-1]
            run, means, resting = run[-1:], means[-1:], True
    yield from run


def settled_frame(frames: Iterable[Frame], pixel_format: PixelFormat) -> int | None:
    """Return the position of the last frame that ends every run before it, however the film began; None without one.

    From such a frame on ``without_repeats`` finds the same repeats as in the whole film: no run is longer than
    ``LONGEST_RUN``, and this frame differs from all that could belong to one.

    Args:
        frames: consecutive frames.
    """
    last, before = None, deque[_Means](maxlen=LONGEST_RUN)
    for position, frame in enumerate(frames):
        new = _means(frame, pixel_format)
        if len(before) == LONGEST_RUN and all(_difference(old, new) >= REPEAT_CHANGE for old in before):
            last = position
        before.append(new)
    return last


def _repeats(means: list[_Means], change: float) -> bool:
    """Return whether all frames of a run are equal, measured against the change that ends the run."""
    return all(_difference(means[0], other) < REPEAT_SHARE * change for other in means[1:])


def _means(frame: Frame, pixel_format: PixelFormat) -> _Means:
    """Return block means, in 8-bit codes."""
    plane = frame.planes[0]
    height, width = plane.shape
    size = (max(1, width // BLOCK), max(1, height // BLOCK))
    small = cv2.resize(plane.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    return small * np.float32(255 / (2**pixel_format.depth - 1))


def _difference(one: _Means, other: _Means) -> float:
    """Return the difference of the block that differs most."""
    return float(cv2.norm(one, other, cv2.NORM_INF))

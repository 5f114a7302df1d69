"""Frames that repeat the one before them, as in animation on twos and threes, or where a recording stuttered.

A frame repeats another one if little differs between them, compared with what differs once a new frame comes. So the
noise of compression does not hide a repetition, and what changes a little with every frame, such as a slow fade, a
small moving part or a slow pan, is none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt

from ifrplus_cli.values import Frame, PixelFormat

LONGEST_RUN = 6  # frames alike; what rests for longer is meant to
BLOCK = 4  # pixels a side: means of blocks are compared, for their noise is low
NOISE = 20.0  # codes of 8 bits by which a block of a repeated frame may differ, at the most
SHARE = 0.3  # of the difference to the next new frame that repeated frames may reach

_Means = npt.NDArray[np.float32]


def thin(frames: Iterable[Frame], pixel_format: PixelFormat) -> Iterator[Frame]:
    """The frames without the repeated ones, whose times the frame that they repeat holds in ``repeats``.

    Six frames are held at the most. A run at the end of the film, or one longer than ``LONGEST_RUN``, stays as it is.

    Args:
        pixel_format: of their planes; luma is compared, or green for RGB.
    """
    run: list[Frame] = []  # a frame, and those after it that are alike so far
    means: list[_Means] = []
    resting = False  # inside a run that is too long
    for frame in frames:
        new = _means(frame, pixel_format)
        if run and resting:
            yield run.pop()
            resting = _difference(means.pop(), new) < NOISE
        while run and (change := _difference(means[0], new)) >= NOISE:
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


def _repeats(means: list[_Means], change: float) -> bool:
    """Whether all of a run are alike, against the change that ends it."""
    return all(_difference(means[0], other) < SHARE * change for other in means[1:])


def _means(frame: Frame, pixel_format: PixelFormat) -> _Means:
    """Means of blocks in codes of 8 bits."""
    plane = frame.planes[0]
    height, width = plane.shape
    size = (max(1, width // BLOCK), max(1, height // BLOCK))
    small = cv2.resize(plane.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    return small * np.float32(255 / (2**pixel_format.depth - 1))


def _difference(one: _Means, other: _Means) -> float:
    """Of the block that differs most."""
    return float(cv2.norm(one, other, cv2.NORM_INF))

"""Where the two pictures of a pair differ: only there a frame has to be made."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ifrplus_cli.media import Image

BLOCK = 32  # pixels a side; boxes begin and end at multiples of it, or at the edge of the picture
NOISE = 1.5 / 255  # a sample that differs by no more than a step of 8 bits has not moved
MARGIN = 128  # pixels around what moves, for the network sees motion by its surroundings


@dataclass(frozen=True)
class Box:
    """A part of a picture, in pixels; ``bottom`` and ``right`` are the first row and column outside."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)."""
        return self.bottom - self.top, self.right - self.left

    def cut(self, picture: Image) -> Image:
        """The part of an H x W x C picture, as a view."""
        return picture[self.top : self.bottom, self.left : self.right]

    def put(self, part: Image, picture: Image) -> Image:
        """A copy of ``picture`` in which ``part`` is inside the box; ``part`` itself if it is all there is."""
        if part.shape == picture.shape:
            return np.ascontiguousarray(part)
        whole = picture.copy()
        self.cut(whole)[:] = part
        return whole


def moves(left: Image, right: Image) -> bool:
    """Whether two arrays of one shape differ by more than noise anywhere."""
    return bool(cv2.norm(left.ravel(), right.ravel(), cv2.NORM_INF) > NOISE)


def moving_box(left: Image, right: Image) -> Box | None:
    """The box around everything that differs between two H x W x 3 pictures, with ``MARGIN``; None if nothing does.

    It is one box, for what jumps from one place to another is between them at the timestep.
    """
    height, width = left.shape[:2]
    difference = cv2.absdiff(left, right).reshape(height, -1)
    by_row, by_sample = (cv2.reduce(difference, axis, cv2.REDUCE_MAX).ravel() for axis in (1, 0))
    rows, columns = np.flatnonzero(by_row > NOISE), np.flatnonzero(by_sample > NOISE) // left.shape[2]
    if not rows.size:
        return None
    (top, bottom), (first, last) = (_around(places, side) for places, side in ((rows, height), (columns, width)))
    return Box(top, first, bottom, last)


def _around(places: np.ndarray, side: int) -> tuple[int, int]:
    """From the first to behind the last of some rows or columns, with the margin, in whole blocks."""
    first, end = int(places[0]) - MARGIN, int(places[-1]) + 1 + MARGIN
    return max(first // BLOCK * BLOCK, 0), min(-(-end // BLOCK) * BLOCK, side)

"""Find where the two pictures of a pair differ: only that part of the frame has to be made."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ifrplus_cli.values import Image

BOX_STEP = 32  # pixels a side; a box begins and ends at multiples of it, or at the edge of the picture
STILL_LIMIT = 1.5 / 255  # a difference of no more than one 8-bit step is not motion
CELL = 4  # pixels a side of the cells whose means are compared: a mean is free of noise and compression artefacts
PEAK = 10 / 255  # a single sample that differs by more has moved, whatever the mean of its cell
SURROUNDINGS = 128  # pixels around what moves, because the network recognises motion by its surroundings


@dataclass(frozen=True)
class Box:
    """A part of a picture, in pixels; ``bottom`` and ``right`` are the first row and column outside it."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)."""
        return self.bottom - self.top, self.right - self.left

    def cut(self, picture: Image) -> Image:
        """Return the part of an H x W x C picture inside the box, as a view."""
        return picture[self.top : self.bottom, self.left : self.right]

    def put(self, part: Image, picture: Image) -> Image:
        """Copy ``part`` into the box of ``picture``, in place, and return the picture."""
        self.cut(picture)[:] = part
        return picture


def moves(left: Image, right: Image) -> bool:
    """Return whether two arrays of the same shape differ anywhere by more than noise."""
    return bool(cv2.norm(left.ravel(), right.ravel(), cv2.NORM_INF) > STILL_LIMIT)


def _moves_at_all_edges(left: Image, right: Image) -> bool:
    """Return whether samples move so near to each edge that the box around them is the whole picture."""
    near, far = slice(SURROUNDINGS), slice(-SURROUNDINGS, None)
    edges = ((near, slice(None)), (far, slice(None)), (slice(None), near), (slice(None), far))
    return all(cv2.norm(left[edge], right[edge], cv2.NORM_INF) > PEAK for edge in edges)


def moving_box(left: Image, right: Image) -> Box | None:
    """Return the box, with ``SURROUNDINGS``, around all differences of two H x W x 3 pictures; None if there are none.

    There is a single box, because what jumps from one place to another is between them at the timestep.
    """
    size = left.shape[0], left.shape[1]
    if _moves_at_all_edges(left, right):
        return Box(0, 0, *size)
    samples = _beyond(cv2.absdiff(left, right), PEAK)
    box = _box(samples, size)
    if box is not None and box.size == size:  # the cells, which take as long again, can't make it larger
        return box
    rows, columns = (np.union1d(*places) for places in zip(samples, _moved_cells(left, right), strict=True))
    return _box((rows, columns), size)


def _box(places: tuple[np.ndarray, np.ndarray], size: tuple[int, int]) -> Box | None:
    """Return the box around some rows and columns, with the margin; None if there are none."""
    if not places[0].size:
        return None
    (top, bottom), (first, last) = (_around(*of_side) for of_side in zip(places, size, strict=True))
    return Box(top, first, bottom, last)


def _moved_cells(left: Image, right: Image) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows and columns of cells whose mean has moved."""
    height, width = left.shape[:2]
    cells = max(width // CELL, 1), max(height // CELL, 1)
    means = cv2.resize(cv2.subtract(right, left), cells, interpolation=cv2.INTER_AREA)
    down, across = height / means.shape[0], width / means.shape[1]
    rows, columns = _beyond(np.abs(means), STILL_LIMIT)
    return np.union1d(rows * down, (rows + 1) * down - 1), np.union1d(columns * across, (columns + 1) * across - 1)


def _beyond(difference: Image, most: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows and columns of an H x W x C picture in which any value is above ``most``."""
    height, _, channels = difference.shape
    flat = difference.reshape(height, -1)
    by_row, by_sample = (cv2.reduce(flat, axis, cv2.REDUCE_MAX).ravel() for axis in (1, 0))
    return np.flatnonzero(by_row > most), np.flatnonzero(by_sample > most) // channels


def _around(places: np.ndarray, side: int) -> tuple[int, int]:
    """Return the range from the first to the last of some rows or columns, with the margin, in whole blocks."""
    first, end = int(places[0]) - SURROUNDINGS, int(places[-1]) + 1 + SURROUNDINGS
    return max(first // BOX_STEP * BOX_STEP, 0), min(-(-end // BOX_STEP) * BOX_STEP, side)

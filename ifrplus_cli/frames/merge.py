"""Merge both frames of a pair along the flows that a network estimated: the last step of the lite network, on a CPU.

OpenCV samples pictures several times as fast as the engines do. ``merge`` in ``ifrplus_cli/models/lite.py`` says the
same in the operators of a device.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from ifrplus_cli.models.lite_facts import BAND, SHARPNESS
from ifrplus_cli.values import Image

Plane = npt.NDArray[np.float32]

PARTS = 7  # channels that a network returns: four of flow, three of choice
BOX = np.full(BAND, 1 / BAND, np.float32)
PIXELS_A_THREAD = 2**16  # for which OpenCV takes one more thread when it samples a picture
LEAST_ROWS = 48  # that are made at once


@dataclass(frozen=True)
class Estimate:
    """Where both frames are sampled for a made frame, and which of them is right; at half of the size.

    Attributes:
        to_left, to_right: x and y, (h, w) float32 each, in pixels of the frames.
        fine: (h, w, 3) float32, the left frame's share of fine detail, 0 to 1, the same in all three channels.
        gap: (h, w, 3) float32, by how much its share of what is coarse is larger.
        stay: (h, w) float32 logit of what stays as it is.
    """

    to_left: tuple[Plane, Plane]
    to_right: tuple[Plane, Plane]
    fine: Plane
    gap: Plane
    stay: Plane

    @classmethod
    def of(cls, parts: Plane) -> Estimate:
        """Unpack the (7, h, w) float32 parts that a network returns: flows (x, y each), three logits."""
        left_x, left_y, right_x, right_y, *logits, stay = parts
        coarse, fine = map(_sigmoid, logits)
        fine, gap = (np.asarray(cv2.merge([plane] * 3)) for plane in (fine, cv2.subtract(coarse, fine)))
        return cls((left_x, left_y), (right_x, right_y), fine, gap, stay)


def still_parts(height: int, width: int) -> Plane:
    """Return the (7, height, width) parts of a picture in which nothing moves."""
    parts = np.zeros((PARTS, height, width), np.float32)
    parts[6] = SHARPNESS
    return parts


def difference(left: Image, right: Image) -> Plane:
    """Return how much two (H, W, 3) float32 frames differ: (H, W) float32, the negative logarithm of how alike."""
    apart = np.empty(left.shape[:2], np.float32)
    for rows in bands(*left.shape[:2]):
        here = slice(rows.start, rows.stop)
        cv2.transform(cv2.absdiff(left[here], right[here]), np.full((1, 3), SHARPNESS / 3, np.float32), apart[here])
    return apart


def alike(apart: Plane, size: tuple[int, int]) -> Plane:
    """Return the share of pixels that are alike, of an (H, W) difference, padded to a (height, width) by its edges.

    Returns:
        (height/2, width/2) float32, 0 to 1.
    """
    height, width = apart.shape
    below, right = size[0] - height, size[1] - width
    share = cv2.copyMakeBorder(cv2.exp(-apart), 0, below, 0, right, cv2.BORDER_REPLICATE)
    return np.asarray(cv2.resize(share, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA))


def merge(left: Image, right: Image, parts: Plane, t: float, apart: Plane) -> Image:
    """Sample both frames along the flows, bicubically, and mix them in two bands.

    Where the frames disagree a mean of both loses its detail, so fine detail is taken from one of them nearly alone.
    What is alike in both frames as they are may stay: text and panels over moving footage.

    Args:
        left, right: (H, W, 3) float32 RGB.
        parts: (7, h, w) float32, h and w at least H/2 and W/2; see ``Estimate``.
        t: timestep in (0, 1).
        apart: the ``difference`` of the frames, which all timesteps share.

    Returns:
        (H, W, 3) float32 RGB, not clipped.
    """
    estimate = Estimate.of(parts)
    made = np.empty_like(left)
    for rows in bands(*left.shape[:2]):
        _make(made, left, right, estimate, apart, rows, t)
    return made


def bands(height: int, width: int) -> list[range]:
    """Divide the rows of a picture into bands that fit the cache, and which OpenCV shares among two threads, or more.

    Each begins at an even row. A band is sampled with the rows around it that the box sees.
    """
    even = 2 * PIXELS_A_THREAD  # that two threads share evenly
    best = -(-LEAST_ROWS * width // even) * even // width - 2 * (BAND // 2)
    rows = -(-height // max(1, round(height / best)))
    rows += rows % 2
    return [range(first, min(first + rows, height)) for first in range(0, height, rows)]


def _make(made: Image, left: Image, right: Image, estimate: Estimate, apart: Plane, rows: range, t: float) -> None:
    """Make some rows of a frame."""
    here, width = slice(rows.start, rows.stop), left.shape[1]
    moved = made[here]
    _mix_moved(moved, left, right, estimate, rows)
    share = _sigmoid(cv2.subtract(_enlarged(estimate.stay, rows, width), apart[here]))
    still = cv2.addWeighted(left[here], 1 - t, right[here], t, 0)
    pull = cv2.multiply(cv2.subtract(still, moved, still), cv2.merge([share] * 3), still)
    cv2.add(moved, pull, moved)


def _mix_moved(moved: Image, left: Image, right: Image, estimate: Estimate, rows: range) -> None:
    """Fill some rows with the mixture of both warped frames, in two bands."""
    margin = BAND // 2
    seen = range(max(0, rows.start - margin), min(len(left), rows.stop + margin))  # by the box
    inner = slice(rows.start - seen.start, rows.stop - seen.start)
    apart, other = _warped(left, estimate.to_left, seen), _warped(right, estimate.to_right, seen)
    apart = cv2.subtract(apart, other, apart)
    cv2.add(other[inner], _share(estimate.fine, apart[inner], rows), moved)
    del other  # its memory is used again
    apart = cv2.sepFilter2D(apart, -1, BOX, BOX, borderType=cv2.BORDER_REPLICATE)
    cv2.add(moved, _share(estimate.gap, apart[inner], rows), moved)


def _share(share: Plane, of: Image, rows: range) -> Image:
    """Multiply some rows of a picture by a (h, w, 3) share."""
    enlarged = _enlarged(share, rows, of.shape[1])
    return np.asarray(cv2.multiply(enlarged, of, enlarged))


def _warped(image: Image, flow: tuple[Plane, Plane], rows: range) -> Image:
    width = image.shape[1]
    x, y = (_enlarged(plane, rows, width) for plane in flow)
    x += np.arange(width, dtype=np.float32)
    y += np.arange(rows.start, rows.stop, dtype=np.float32)[:, np.newaxis]
    return np.asarray(cv2.remap(image, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE))


def _enlarged(half: Plane, rows: range, width: int) -> Plane:
    """Return some rows of a (h, w) or (h, w, C) plane at twice its size, cut to ``width`` columns."""
    top, bottom = max(0, rows.start // 2 - 1), min(len(half), (rows.stop + 1) // 2 + 1)
    whole = cv2.resize(half[top:bottom], None, fx=2, fy=2, interpolation=cv2.INTER_LINEAR)
    return np.asarray(whole[rows.start - 2 * top : rows.stop - 2 * top, :width])


def _sigmoid(logit: Plane) -> Plane:
    power = cv2.exp(np.negative(logit))
    return np.reciprocal(np.add(power, 1, out=power), out=power)

"""Merge both frames of a pair along the flows that a network estimated: the last step of the lite network, on a CPU.

OpenCV samples pictures several times as fast as the engines do. ``merge`` in ``ifrplus_cli/models/lite.py`` says the
same in the operators of a device.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from ifrplus_cli.values import Image

Plane = npt.NDArray[np.float32]

PARTS = 7  # channels that a network returns: four of flow, three of choice
SHARPNESS = 200  # how fast a difference between the unwarped frames rules out that a pixel stays
BAND = 5  # side in pixels of the box that parts fine detail from the rest
ROWS = 96  # rows that are made at once, so that they stay in the cache; even


@dataclass(frozen=True)
class Estimate:
    """Where both frames are sampled for a made frame, and which of them is right; at half of the size.

    Attributes:
        to_left, to_right: (h, w, 2) float32, x and y in pixels of the frames.
        coarse, fine: (h, w, 3) float32, the left frame's share of what is coarse, and of fine detail, 0 to 1, the same
            in all three channels.
        stay: (h, w) float32 logit of what stays as it is.
    """

    to_left: Plane
    to_right: Plane
    coarse: Plane
    fine: Plane
    stay: Plane

    @classmethod
    def of(cls, parts: Plane) -> Estimate:
        """Unpack the (h, w, 7) float32 parts that a network returns: flows (x, y each), three logits."""
        shares = _sigmoid(np.ascontiguousarray(parts[..., 4:6]))
        coarse, fine = (cv2.merge([plane] * 3) for plane in cv2.split(shares))
        to_left, to_right = (np.ascontiguousarray(parts[..., k : k + 2]) for k in (0, 2))
        return cls(to_left, to_right, np.asarray(coarse), np.asarray(fine), np.ascontiguousarray(parts[..., 6]))


def still_parts(height: int, width: int) -> Plane:
    """Return the (height, width, 7) parts of a picture in which nothing moves."""
    parts = np.zeros((height, width, PARTS), np.float32)
    parts[..., 6] = SHARPNESS
    return parts


def difference(left: Image, right: Image) -> Plane:
    """Return how much two (H, W, 3) float32 frames differ: (H, W) float32, the negative logarithm of how alike."""
    apart = np.empty(left.shape[:2], np.float32)
    for first in range(0, len(left), ROWS):
        rows = slice(first, first + ROWS)
        cv2.transform(cv2.absdiff(left[rows], right[rows]), np.full((1, 3), SHARPNESS / 3, np.float32), apart[rows])
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


def merge(left: Image, right: Image, parts: Plane, t: float, apart: Plane | None = None) -> Image:
    """Sample both frames along the flows, bicubically, and mix them in two bands.

    Where the frames disagree a mean of both loses its detail, so fine detail is taken from one of them nearly alone.
    What is alike in both frames as they are may stay: text and panels over moving footage.

    Args:
        left, right: (H, W, 3) float32 RGB.
        parts: (h, w, 7) float32, h and w at least H/2 and W/2; see ``Estimate``.
        t: timestep in (0, 1).
        apart: the ``difference`` of the frames, if it is known.

    Returns:
        (H, W, 3) float32 RGB, not clipped.
    """
    height, width = left.shape[:2]
    apart = difference(left, right) if apart is None else apart
    estimate = Estimate.of(parts)
    made = np.empty_like(left)
    for first in range(0, height, ROWS):
        last = min(first + ROWS, height)
        begin, end = max(0, first - BAND // 2), min(height, last + BAND // 2)
        moved = _moved(left, right, estimate, begin, end, width)
        made[first:last] = moved[first - begin : last - begin]
        rows = slice(first, last)
        logit = cv2.subtract(_enlarged(estimate.stay, first, last, width), apart[rows])
        _keep_still(made[rows], left[rows], right[rows], np.asarray(logit), t)
    return made


def _moved(left: Image, right: Image, estimate: Estimate, begin: int, end: int, width: int) -> Image:
    """Return rows ``begin`` to ``end`` of the mixture of both warped frames."""
    one = _warped(left, _enlarged(estimate.to_left, begin, end, width), begin)
    two = _warped(right, _enlarged(estimate.to_right, begin, end, width), begin)
    coarse, fine = (_enlarged(share, begin, end, width) for share in (estimate.coarse, estimate.fine))
    apart = cv2.subtract(one, two)
    mean = cv2.blur(apart, (BAND, BAND), borderType=cv2.BORDER_REPLICATE)
    cv2.add(two, cv2.multiply(fine, apart), two)
    return np.asarray(cv2.add(two, cv2.multiply(cv2.subtract(coarse, fine), mean)))


def _warped(image: Image, flow: Plane, begin: int) -> Image:
    places = cv2.add(flow, _places(*flow.shape[:2]))
    places[..., 1] += begin
    return np.asarray(cv2.remap(image, places, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE))


def _keep_still(made: Image, left: Image, right: Image, logit: Plane, t: float) -> None:
    """Pull rows of a made frame towards the mixture of both frames as they are, by the logit of what stays."""
    share = _sigmoid(logit)
    still = cv2.addWeighted(left, 1 - t, right, t, 0)
    cv2.add(made, cv2.multiply(cv2.subtract(still, made), cv2.merge([share] * 3)), made)


def _enlarged(half: Plane, begin: int, end: int, width: int) -> Plane:
    """Return rows ``begin`` to ``end`` of a (h, w) or (h, w, C) plane at twice its size, cut to ``width`` columns."""
    top, bottom = max(0, begin // 2 - 1), min(len(half), (end + 1) // 2 + 1)
    rows = cv2.resize(half[top:bottom], None, fx=2, fy=2, interpolation=cv2.INTER_LINEAR)
    return np.ascontiguousarray(rows[begin - 2 * top : end - 2 * top, :width])


@lru_cache(maxsize=8)
def _places(height: int, width: int) -> Plane:
    """Column and row of each pixel: (height, width, 2)."""
    return np.stack(np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)), axis=2)


def _sigmoid(logit: Plane) -> Plane:
    return np.asarray(cv2.divide(1.0, cv2.add(cv2.exp(-logit), 1.0)))

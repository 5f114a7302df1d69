"""Detect fields in consecutive frames: two moments woven into one frame, and fields that are shown twice.

A frame is compared with the mixtures of its fields and those of the next frame. A progressive frame has fewer combs
than the mixtures. Interlaced frames show the field order: fields of neighbouring moments comb less than those of
moments further apart. In telecined film, every five frames repeat two fields.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt

Luma = npt.NDArray[np.uint8]  # H x W; it may be narrower than the picture, but must have all of its lines
_Lines = npt.NDArray[np.float32]

_MOVES = 1.5  # codes: samples that change by no more are noise
_LEAST_MOVING = 0.002  # share of the samples that must move for a pair of frames to count
_LEAST_COMBS = 0.25  # codes: mean of the combs, where something moves, that is more than noise
_OWN = 0.5  # the most combs of a progressive frame, as a share of those of the better mixture
_WOVEN = 0.2  # the fewest combs of an interlaced frame, as a share of those of the worse mixture
_ORDERED = 0.8  # the most combs of the better mixture, as a share of those of the worse one, if the field order shows
_REPEATED = 0.5  # the largest change of a field that is shown twice, as a share of that of the other field

_MAJORITY = 0.5  # share of the moving frames that are woven in interlaced film: 0.7 and more; in patterns up to 0.4
_OTHER_ORDER = 0.25  # the most frames of the other field order, as a share of those of the main one
_REPEATS = 0.25  # share of the moving frames that repeat a field: 2 of 5 in film on NTSC
_ENOUGH = 4  # frames that must show the same


@dataclass(frozen=True)
class FieldCounts:
    """Numbers of pairs of neighbouring frames, by what they show.

    Attributes:
        progressive: pairs whose left frame is of one moment.
        top, bottom: pairs whose left frame is woven of two moments, its top or its bottom field being the first.
        repeated: pairs whose right frame repeats one field of the left frame but not the other.
        moving: pairs in which something moves.
    """

    progressive: int = 0
    top: int = 0
    bottom: int = 0
    repeated: int = 0
    moving: int = 0

    def __add__(self, other: FieldCounts) -> FieldCounts:
        return FieldCounts(
            self.progressive + other.progressive,
            self.top + other.top,
            self.bottom + other.bottom,
            self.repeated + other.repeated,
            self.moving + other.moving,
        )

    @property
    def woven(self) -> int:
        """Number of frames of the main field order."""
        return max(self.top, self.bottom)

    @property
    def decided(self) -> int:
        """Number of frames that show whether they are of one moment."""
        return self.progressive + self.top + self.bottom

    @property
    def order(self) -> str:
        """``tff`` or ``bff``: the field that comes first; ``auto`` if no frame shows it."""
        return "auto" if not self.woven else "tff" if self.top >= self.bottom else "bff"

    @property
    def kind(self) -> str | None:
        """``progressive``, ``interlaced`` or ``telecined``; None if too few frames show anything."""
        one_order = self.woven >= _ENOUGH and min(self.top, self.bottom) <= _OTHER_ORDER * self.woven
        if one_order and self.repeated >= max(_ENOUGH, _REPEATS * self.moving):
            return "telecined"
        if one_order and self.woven >= _MAJORITY * self.moving:
            return "interlaced"
        return "progressive" if self.decided >= _ENOUGH else None


def count_fields(lumas: Sequence[Luma]) -> FieldCounts:
    """Examine each frame together with the next one."""
    return sum((_look(left, right) for left, right in pairwise(lumas)), FieldCounts())


def _look(left: Luma, right: Luma) -> FieldCounts:
    rows = left.shape[0] // 2 * 2
    one, other = left[:rows].astype(np.float32), right[:rows].astype(np.float32)
    change = np.abs(one - other)
    moving = np.maximum(change[0::2], change[1::2]) > _MOVES
    if rows < 4 or moving.mean() < _LEAST_MOVING:
        return FieldCounts()
    where = cv2.dilate(moving.astype(np.float32), np.ones((3, 3), np.uint8))
    repeated = min(sides := _field_changes(change)) < _REPEATED * max(sides)
    own = _combs(one[0::2], one[1::2], where)
    next_top = _combs(other[0::2], one[1::2], where)
    next_bottom = _combs(one[0::2], other[1::2], where)
    better, worse = min(next_top, next_bottom), max(next_top, next_bottom)
    if worse < _LEAST_COMBS * where.sum():
        return FieldCounts(repeated=repeated, moving=1)
    woven = own >= max(_WOVEN * worse, _OWN * better) and better <= _ORDERED * worse
    return FieldCounts(
        progressive=int(own < _OWN * better),
        top=int(woven and next_top < next_bottom),
        bottom=int(woven and next_bottom < next_top),
        repeated=int(repeated),
        moving=1,
    )


def _field_changes(change: _Lines) -> tuple[float, float]:
    """Return how much each field changes, apart from noise."""
    beyond = np.maximum(change - _MOVES, 0)
    return float(beyond[0::2].sum()), float(beyond[1::2].sum())


def _combs(top: _Lines, bottom: _Lines, where: _Lines) -> float:
    """Return how far lines stick out from both lines around them, if the two fields are shown together."""
    below = _sticks_out(bottom[:-1], top[:-1], top[1:]) * where[:-1]
    above = _sticks_out(top[1:], bottom[:-1], bottom[1:]) * where[1:]
    return float(below.sum() + above.sum())


def _sticks_out(line: _Lines, above: _Lines, below: _Lines) -> _Lines:
    up, down = line - above, line - below
    return np.where(up * down > 0, np.minimum(np.abs(up), np.abs(down)), 0)

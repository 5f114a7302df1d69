"""Estimate where a made frame is doubtful, for a report.

Both frames of a pair, warped to the timestep along the classical flow, should show the same picture. A place is
doubtful if they differ there, if warping has hardly reduced that difference, and if the made frame is not a mixture of
them either: something was covered, blurred or lost. Frames are not changed by it: to blend them with source frames
there costs detail.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np

from ifrplus_cli.frames.flow import GRID, Flow, channel_mean
from ifrplus_cli.values import Image

FROM, FULL = 0.01, 0.03  # disagreement, 0 to 1, at which doubt begins and at which it is full
VAIN_FROM, VAIN_FULL = 0.3, 0.8  # share of the unwarped frames' difference that remains after warping
NEGLIGIBLE = 0.01  # differences up to this are noise
SPREAD = 1.0  # cells over which one disagreement is spread


@dataclass(frozen=True)
class Doubt:
    """Doubt about a made frame.

    Attributes:
        strength: (H/4, W/4) float32, 0 (none) to 1 (full).
    """

    strength: Flow = field(repr=False)

    @property
    def share(self) -> float:
        """Mean strength: the doubtful share of the picture, 0 to 1."""
        return float(self.strength.mean())


def doubt_about(left: Image, right: Image, made: Image, flow: Flow) -> Doubt:
    """Find where the two warped frames disagree and the made frame is not a mixture of them.

    Args:
        left, right, made: (H, W, 3) float32 RGB.
        flow: (4, h, w) float32, from ``intermediate_flow`` at the timestep; h and w are at least H/4 and W/4.
    """
    height, width = (-(-side // GRID) for side in left.shape[:2])
    cells = (width, height)
    small_left, small_right, small_made = (
        cv2.resize(image, cells, interpolation=cv2.INTER_AREA) for image in (left, right, made)
    )
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    moved = []
    for image, (along, down) in ((small_left, flow[:2]), (small_right, flow[2:])):
        places = (x + along[:height, :width] / GRID, y + down[:height, :width] / GRID)
        moved.append(cv2.remap(image, *places, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))
    apart, off = cv2.subtract(moved[1], moved[0]), cv2.subtract(small_made, moved[0])
    share = np.clip(channel_mean(apart * off) / (channel_mean(apart * apart) + 1e-6 / 3), 0, 1)
    unexplained = channel_mean(cv2.absdiff(off, cv2.merge([share] * 3) * apart))
    left_over, before = (_spread(channel_mean(np.abs(one))) for one in (apart, cv2.subtract(small_left, small_right)))
    disagreement = np.sqrt(left_over * _spread(unexplained))
    in_vain = left_over / (before + NEGLIGIBLE)
    strength = _ramp(disagreement, FROM, FULL) * _ramp(in_vain, VAIN_FROM, VAIN_FULL)
    return Doubt(strength.astype(np.float32))


def _ramp(values: Flow, first: float, full: float) -> Flow:
    """Linear ramp: 0 up to ``first``, 1 from ``full`` on."""
    return np.clip((values - first) / (full - first), 0, 1)


def _spread(values: Flow) -> Flow:
    return np.asarray(cv2.GaussianBlur(values, (0, 0), SPREAD))

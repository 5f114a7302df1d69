"""Prepare pictures for a person to look at: 8-bit images, differences, and motion as colour."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from ifrplus_cli.values import Image

Picture = npt.NDArray[np.uint8]  # H x W x 3, RGB

DIFFERENCE_GAIN = 4
LARGEST_SHOWN = 640  # pixels, longer side


def as_codes(image: Image) -> Picture:
    """Convert float32 RGB, nominally 0..1, to 8 bits."""
    return np.clip(np.rint(image * 255), 0, 255).astype(np.uint8)


def difference(made: Picture, true: Picture) -> Picture:
    """Return the amplified difference of two pictures, grey where they are equal."""
    return np.clip(128 + DIFFERENCE_GAIN * (made.astype(np.int16) - true), 0, 255).astype(np.uint8)


def fitted(picture: Picture) -> Picture:
    """Shrink a picture that is larger than ``LARGEST_SHOWN``."""
    height, width = picture.shape[:2]
    scale = min(1.0, LARGEST_SHOWN / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA) if scale < 1 else picture


def flow_colours(flow: npt.NDArray[np.float32], like: Picture) -> Picture:
    """Show motion (h, w, 2) as colour at the size of ``like``: hue is its direction, saturation its length."""
    length, angle = cv2.cartToPolar(flow[..., 0], flow[..., 1], angleInDegrees=True)
    longest = max(float(np.quantile(length, 0.99)), 1.0)
    saturation = np.clip(length / longest, 0, 1)
    hsv = cv2.merge([angle, saturation, np.ones_like(length)])
    size = like.shape[1::-1]
    return as_codes(cv2.resize(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB), size, interpolation=cv2.INTER_LINEAR))


def doubt_colours(strength: npt.NDArray[np.float32], like: Picture) -> Picture:
    """Show doubt (h, w), 0 to 1, in red over a pale copy of ``like``, at its size."""
    size = like.shape[1::-1]
    weight = cv2.resize(strength, size, interpolation=cv2.INTER_LINEAR)[..., None]
    grey = cv2.cvtColor(cv2.cvtColor(like, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB).astype(np.float32) / 510 + 0.5
    return as_codes(grey * (1 - weight) + np.array([0.85, 0.1, 0.1], np.float32) * weight)

"""Measure how alike two pictures look, by the wavelets of Haar.

HaarPSI of Reisenhofer, Bosse, Kutyniok and Wiegand, "A Haar wavelet-based perceptual similarity index for image quality
assessment", Signal Processing: Image Communication 61, 2018, in its form for colour pictures.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
import numpy.typing as npt

from ifrplus_cli.frames.pictures import Picture

_Plane = npt.NDArray[np.float32]

SMALLEST_SIDE = 16  # pixels: the widest wavelet covers this many of a picture before it is halved
# The constants of the paper, section 3, for channels of 0 to 255.
_C, _ALPHA = 30.0, 4.2
_COMPARED, _WEIGHING = (1, 2), 3  # scales
_MEAN = np.array([0.5, 0.5], np.float32)
_RGB_TO_YIQ = np.array([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]], np.float32)


def haarpsi(picture: Picture, truth: Picture) -> float:
    """Return the similarity of two pictures, 0 to 1; a last row or column of an odd size does not count.

    Args:
        picture: H x W x 3, RGB of 8 bits, at least SMALLEST_SIDE pixels high and wide.
        truth: the same shape.

    Raises:
        ValueError: if the shapes differ, or the pictures are too small.
    """
    if picture.shape != truth.shape:
        raise ValueError(f"HaarPSI needs two pictures of one size, not {picture.shape} and {truth.shape}.")
    if min(picture.shape[:2]) < SMALLEST_SIDE:
        raise ValueError(f"HaarPSI needs pictures of at least {SMALLEST_SIDE} x {SMALLEST_SIDE}.")
    (y1, *chroma1), (y2, *chroma2) = _halved_yiq(picture), _halved_yiq(truth)
    across, down = (_compared(y1, y2, upright=upright) for upright in (True, False))
    means = (
        (_magnitude(one, _MEAN, _MEAN), _magnitude(two, _MEAN, _MEAN))
        for one, two in zip(chroma1, chroma2, strict=True)
    )
    colours = sum(_similarity(*pair) for pair in means) / 2, (across[1] + down[1]) / 2
    parts = (across, down, colours)
    weights = sum(float(weight.sum(dtype=np.float64)) for _, weight in parts)
    if not weights:
        return 1.0  # both are black
    share = sum(_logistic_sum(*part) for part in parts) / weights
    return (math.log(share / (1 - share)) / _ALPHA) ** 2


def _halved_yiq(picture: Picture) -> list[_Plane]:
    """Return luma and both colour differences of a picture at half of its size."""
    height, width = (side // 2 for side in picture.shape[:2])
    small = cv2.resize(
        picture[: 2 * height, : 2 * width].astype(np.float32), (width, height), interpolation=cv2.INTER_AREA
    )
    return list(cv2.split(cv2.transform(small, _RGB_TO_YIQ)))


def _compared(one: _Plane, two: _Plane, *, upright: bool) -> tuple[_Plane, _Plane]:
    """Return, for one direction of the wavelets, how alike two planes are, and how much each place counts."""
    alike = [_similarity(*(_wavelet(plane, scale, upright=upright) for plane in (one, two))) for scale in _COMPARED]
    weight = np.maximum(*(_wavelet(plane, _WEIGHING, upright=upright) for plane in (one, two)))
    return (alike[0] + alike[1]) / 2, weight


def _wavelet(plane: _Plane, scale: int, *, upright: bool) -> _Plane:
    """Return the magnitude of a plane's coefficients: a mean one way, times a difference of two means the other way."""
    size = 2**scale
    mean = np.ones(size, np.float32)
    step = np.repeat(np.array([1, -1], np.float32) / size, size // 2)
    return _magnitude(plane, *((step, mean) if upright else (mean, step)))


def _magnitude(plane: _Plane, across: _Plane, down: _Plane) -> _Plane:
    anchor = (len(across) // 2 - 1, len(down) // 2 - 1)
    return np.abs(cv2.sepFilter2D(plane, cv2.CV_32F, across, down, anchor=anchor, borderType=cv2.BORDER_CONSTANT))


def _similarity(one: _Plane, two: _Plane) -> _Plane:
    return (2 * one * two + _C) / (one * one + two * two + _C)


def _logistic_sum(similarity: _Plane, weight: _Plane) -> float:
    """Return the sum of the logistic function of a similarity, times the weight of each place."""
    return float((weight / (1 + cv2.exp(-_ALPHA * similarity))).sum(dtype=np.float64))

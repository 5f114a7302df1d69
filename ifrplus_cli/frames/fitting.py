"""Fit pictures of another size than the film's first ones into that size, between black bars."""

from __future__ import annotations

from fractions import Fraction

import cv2
import numpy as np

from ifrplus_cli.pixel_formats import Chroma, PixelFormat
from ifrplus_cli.values import Plane

Size = tuple[int, int]  # width and height


def fitted_size(size: Size, into: Size, aspect: Fraction = Fraction(1)) -> Size:
    """Return the largest size of the same shape that fits, in whole pairs of pixels if there is room for them.

    Args:
        aspect: width of a pixel of the picture, in widths of a pixel of ``into``.
    """
    shape = size[0] * aspect / size[1]
    wide, high = min(Fraction(into[0]), into[1] * shape), min(Fraction(into[1]), into[0] / shape)
    return _in_pairs(wide, into[0]), _in_pairs(high, into[1])


def fit(
    planes: tuple[Plane, ...],
    size: Size,
    into: Size,
    pixel_format: PixelFormat,
    *,
    aspect: Fraction = Fraction(1),
    full_range: bool = False,
) -> tuple[Plane, ...]:
    """Return planes of the size ``into``: the picture, never distorted, in the middle of black.

    Args:
        planes: planes of a picture of ``size``.
        aspect: as for ``fitted_size``.
    """
    inner = fitted_size(size, into, aspect)
    left, top = ((whole - part) // 4 * 2 for whole, part in zip(into, inner, strict=True))
    whole_shapes, inner_shapes = pixel_format.plane_shapes(*into), pixel_format.plane_shapes(*inner)
    fitted: list[Plane] = []
    for plane, code, shape, part in zip(
        planes, _black(pixel_format, full_range), whole_shapes, inner_shapes, strict=True
    ):
        canvas = np.full_like(plane, code, shape=shape)
        first_row, first_column = top * shape[0] // into[1], left * shape[1] // into[0]
        shrinks = part[0] < plane.shape[0] or part[1] < plane.shape[1]
        resized = cv2.resize(plane, part[::-1], interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
        canvas[first_row : first_row + part[0], first_column : first_column + part[1]] = resized
        fitted.append(canvas)
    return tuple(fitted)


def _in_pairs(length: Fraction, most: int) -> int:
    return most if length == most else max(int(length) // 2 * 2, min(2, most))


def _black(pixel_format: PixelFormat, full_range: bool) -> list[int]:
    """Return the code of opaque black in each plane."""
    unit, most = 2 ** (pixel_format.depth - 8), 2**pixel_format.depth - 1
    alpha = [most] if pixel_format.alpha else []
    if pixel_format.chroma is Chroma.RGB:
        return [0, 0, 0, *alpha]
    luma = 0 if full_range else 16 * unit
    return [luma] if pixel_format.chroma is Chroma.GRAY else [luma, 128 * unit, 128 * unit, *alpha]

"""Pictures of another size are fitted between black bars, never stretched."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from ifrplus_cli.frames.fitting import fit, fitted_size
from ifrplus_cli.pixel_formats import PIXEL_FORMATS


@pytest.mark.parametrize(
    ("size", "into", "aspect", "inner"),
    [
        ((180, 320), (320, 180), Fraction(1), (100, 180)),
        ((320, 180), (180, 320), Fraction(1), (180, 100)),
        ((640, 360), (320, 180), Fraction(1), (320, 180)),
        ((160, 90), (321, 181), Fraction(1), (321, 180)),
        ((720, 576), (1280, 720), Fraction(64, 45), (1280, 720)),
        ((4, 4000), (64, 48), Fraction(1), (2, 48)),
    ],
)
def test_the_largest_size_of_the_same_shape(
    size: tuple[int, int], into: tuple[int, int], aspect: Fraction, inner: tuple[int, int]
) -> None:
    assert fitted_size(size, into, aspect) == inner


@pytest.mark.parametrize("name", ["yuv420p", "yuv422p10le", "gbrp", "gray", "yuva444p", "gbrap16le"])
@pytest.mark.parametrize(("size", "into"), [((18, 32), (33, 19)), ((33, 19), (18, 32)), ((20, 10), (40, 40))])
def test_the_picture_lies_in_the_middle_of_black(name: str, size: tuple[int, int], into: tuple[int, int]) -> None:
    form = PIXEL_FORMATS[name]
    level = 100 * 2 ** (form.depth - 8)
    planes = tuple(np.full(shape, level, form.dtype) for shape in form.plane_shapes(*size))
    fitted = fit(planes, size, into, form)
    assert [plane.shape for plane in fitted] == list(form.plane_shapes(*into))
    assert all(plane.dtype == form.dtype for plane in fitted)
    inner = fitted_size(size, into)
    first = fitted[0]
    assert np.count_nonzero(first == level) == inner[0] * inner[1]
    assert first[into[1] // 2, into[0] // 2] == level
    assert set(np.unique(first)) <= {level, 0 if name in {"gbrp", "gbrap16le"} else 16 * 2 ** (form.depth - 8)}
    if form.alpha:
        assert fitted[-1].max() == 2**form.depth - 1

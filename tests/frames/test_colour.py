"""Planes survive the way to RGB and back, and the colours in between are those of the standards."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ifrplus_cli.frames.colour import Converter, RgbMemory, over_white
from ifrplus_cli.pixel_formats import PIXEL_FORMATS, PixelFormat
from ifrplus_cli.values import ColourTags, Frame, Plane

MATRICES = [None, "bt709", "fcc", "bt470bg", "smpte170m", "smpte240m", "bt2020nc", "bt2020c", "ycgco", "gbr", "unheard"]


def random_planes(pixel_format: PixelFormat, width: int, height: int, seed: int = 0) -> tuple[Plane, ...]:
    """Any codes at all, so nearly all of them far outside the RGB cube."""
    random = np.random.default_rng(seed)
    shapes = pixel_format.plane_shapes(width, height)
    return tuple(random.integers(0, 2**pixel_format.depth, shape).astype(pixel_format.dtype) for shape in shapes)


def rgb_of(codes: tuple[int, ...], name: str, tags: ColourTags, height: int = 16) -> np.ndarray:
    """The RGB value of a picture of one colour."""
    pixel_format = PIXEL_FORMATS[name]
    shapes = pixel_format.plane_shapes(16, height)
    planes: tuple[Plane, ...] = tuple(
        np.full(shape, code).astype(pixel_format.dtype) for shape, code in zip(shapes, codes, strict=True)
    )
    image = Converter(pixel_format, tags, 16, height).to_rgb(planes)
    assert image.dtype == np.float32
    assert image.shape == (height, 16, 3)
    return image[0, 0]


@settings(max_examples=200, deadline=None)
@given(
    name=st.sampled_from(sorted(PIXEL_FORMATS)),
    tags=st.builds(ColourTags, matrix=st.sampled_from(MATRICES), range=st.sampled_from([None, "tv", "pc"])),
    width=st.integers(1, 40),
    height=st.integers(1, 40),
    seed=st.integers(0, 1000),
)
def test_every_sample_comes_back_unchanged(name: str, tags: ColourTags, width: int, height: int, seed: int) -> None:
    pixel_format = PIXEL_FORMATS[name]
    planes = random_planes(pixel_format, width, height, seed)
    if pixel_format.alpha:  # colours of what is clear are lost
        planes = (*planes[:3], np.maximum(planes[3], 1))
    converter = Converter(pixel_format, tags, width, height)
    alpha = converter.alpha_as_rgb(planes) if pixel_format.alpha else None
    returned = converter.to_planes(converter.to_rgb(planes), alpha)
    assert len(returned) == len(planes)
    for before, after in zip(planes, returned, strict=True):
        assert after.dtype == before.dtype
        np.testing.assert_array_equal(after, before)


@pytest.mark.parametrize(("width", "height"), [(641, 359), (1280, 720)])
@pytest.mark.parametrize("name", ["yuv420p", "yuv422p10le"])
def test_whole_pictures_come_back_unchanged(name: str, width: int, height: int) -> None:
    planes = random_planes(PIXEL_FORMATS[name], width, height)
    converter = Converter(PIXEL_FORMATS[name], ColourTags(), width, height)
    for before, after in zip(planes, converter.to_planes(converter.to_rgb(planes)), strict=True):
        np.testing.assert_array_equal(after, before)


@pytest.mark.parametrize(
    ("name", "codes", "code_range", "expected"),
    [
        ("yuv420p", (16, 128, 128), "tv", 0.0),
        ("yuv420p", (235, 128, 128), "tv", 1.0),
        ("yuv420p", (16, 128, 128), None, 0.0),
        ("yuv444p", (0, 128, 128), "pc", 0.0),
        ("yuv444p", (255, 128, 128), "pc", 1.0),
        ("yuv420p10le", (64, 512, 512), "tv", 0.0),
        ("yuv420p10le", (940, 512, 512), "tv", 1.0),
        ("yuv422p12le", (4095, 2048, 2048), "pc", 1.0),
        ("gray", (235,), "tv", 1.0),
        ("gray", (255,), "pc", 1.0),
        ("gray10le", (64,), "tv", 0.0),
        ("gbrp", (255, 255, 255), None, 1.0),
        ("gbrp12le", (4095, 4095, 4095), "tv", 1.0),
    ],
)
@pytest.mark.parametrize("matrix", MATRICES)
def test_black_and_white_are_where_range_and_depth_put_them(
    name: str, codes: tuple[int, ...], code_range: str | None, expected: float, matrix: str | None
) -> None:
    tags = ColourTags(matrix=matrix, range=code_range)
    np.testing.assert_allclose(rgb_of(codes, name, tags), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("matrix", "red", "green", "blue"),
    [
        # Codes of the 100 % colour bars, 8 bit limited range.
        ("smpte170m", (81, 90, 240), (145, 54, 34), (41, 240, 110)),
        ("bt470bg", (81, 90, 240), (145, 54, 34), (41, 240, 110)),
        ("bt709", (63, 102, 240), (173, 42, 26), (32, 240, 118)),
        ("bt2020nc", (74, 97, 240), (164, 47, 25), (29, 240, 119)),
    ],
)
def test_primary_colours_have_the_codes_of_the_standards(
    matrix: str | None, red: tuple[int, ...], green: tuple[int, ...], blue: tuple[int, ...]
) -> None:
    tags = ColourTags(matrix=matrix, range="tv")
    for codes, expected in ((red, (1, 0, 0)), (green, (0, 1, 0)), (blue, (0, 0, 1))):
        np.testing.assert_allclose(rgb_of(codes, "yuv420p", tags), expected, atol=0.006)


def test_ycgco_is_its_definition() -> None:
    tags = ColourTags(matrix="ycgco", range="pc")
    np.testing.assert_allclose(rgb_of((128, 255, 128), "yuv444p", tags), (0.004, 1.0, 0.004), atol=0.004)
    np.testing.assert_allclose(rgb_of((64, 64, 255), "yuv444p", tags), (1.0, 0.0, 0.0), atol=0.006)


@pytest.mark.parametrize("name", ["gbrap", "yuva444p10le"])
def test_colours_are_premultiplied_by_alpha(name: str) -> None:
    pixel_format, tags = PIXEL_FORMATS[name], ColourTags(matrix="bt709", range="pc")
    largest = 2**pixel_format.depth - 1
    white = (largest, *((largest,) * 2 if name == "gbrap" else ((largest + 1) // 2,) * 2))
    planes = tuple(np.full((4, 4), code, pixel_format.dtype) for code in (*white, largest // 4))
    converter = Converter(pixel_format, tags, 4, 4)
    np.testing.assert_allclose(converter.to_rgb(planes), 0.25, atol=0.005)
    np.testing.assert_allclose(converter.alpha_as_rgb(planes), 0.25, atol=0.005)


@pytest.mark.parametrize(
    ("name", "full_range", "white"), [("gbrap", False, 255), ("yuva420p", False, 235), ("yuva420p", True, 255)]
)
def test_transparent_pixels_become_white_not_black(name: str, full_range: bool, white: int) -> None:
    pixel_format = PIXEL_FORMATS[name]
    planes = tuple(np.zeros(shape, np.uint8) for shape in pixel_format.plane_shapes(6, 4))
    first, second, _ = over_white(planes, pixel_format, full_range=full_range)
    assert (first == white).all()
    assert (second == (white if name == "gbrap" else 128)).all()
    seen = (*planes[:3], np.full((4, 6), 255, np.uint8))
    assert all((plane == 0).all() for plane in over_white(seen, pixel_format, full_range=full_range))


def test_planar_rgb_is_green_blue_red() -> None:
    np.testing.assert_allclose(rgb_of((51, 102, 255), "gbrp", ColourTags()), (1.0, 0.2, 0.4), atol=1e-6)


@pytest.mark.parametrize(("height", "matrix"), [(576, "smpte170m"), (720, "bt709")])
def test_an_untagged_clip_is_bt601_below_720_lines_and_bt709_otherwise(height: int, matrix: str | None) -> None:
    codes = (63, 102, 240)
    untagged = rgb_of(codes, "yuv420p", ColourTags(), height)
    np.testing.assert_array_equal(untagged, rgb_of(codes, "yuv420p", ColourTags(matrix=matrix), height))


def test_colours_are_clipped_only_on_the_way_to_planes() -> None:
    tags = ColourTags(matrix="bt709", range="tv")
    assert rgb_of((235, 128, 240), "yuv444p", tags)[0] > 1.5
    pixel_format = PIXEL_FORMATS["yuv420p10le"]
    converter = Converter(pixel_format, tags, 4, 4)
    bright, *_ = converter.to_planes(np.full((4, 4, 3), 9.0, np.float32))
    dark, *_ = converter.to_planes(np.full((4, 4, 3), -9.0, np.float32))
    assert (bright == 1023).all()
    assert (dark == 0).all()


def test_odd_edges_count_in_chroma() -> None:
    pixel_format = PIXEL_FORMATS["yuv420p"]
    converter = Converter(pixel_format, ColourTags(), 5, 3)
    image = np.zeros((3, 5, 3), np.float32)
    image[:, 4] = (1, 0, 0)
    image[2] = (1, 0, 0)
    *_, red_difference = converter.to_planes(image)
    assert red_difference.shape == (2, 3)
    assert (red_difference[:, 2] == 240).all()
    assert (red_difference[1] == 240).all()


def test_an_image_need_not_be_contiguous() -> None:
    converter = Converter(PIXEL_FORMATS["yuv420p"], ColourTags(), 64, 48)
    planes = random_planes(PIXEL_FORMATS["yuv420p"], 64, 48)
    channels_first = np.ascontiguousarray(converter.to_rgb(planes).transpose(2, 0, 1))
    for before, after in zip(planes, converter.to_planes(channels_first.transpose(1, 2, 0)), strict=True):
        np.testing.assert_array_equal(after, before)


def test_a_cached_frame_gives_the_same_picture() -> None:
    pixel_format = PIXEL_FORMATS["yuv420p"]
    frames = [Frame(Fraction(number), random_planes(pixel_format, 16, 16, number)) for number in range(3)]
    convert = Converter(pixel_format, ColourTags(), 16, 16)
    rgb = RgbMemory(convert.to_rgb, 2)
    first = rgb(frames[0])
    assert rgb(frames[0]) is first
    rgb(frames[1])
    rgb(frames[2])
    again = rgb(frames[0])
    assert again is not first
    np.testing.assert_array_equal(again, convert.to_rgb(frames[0].planes))

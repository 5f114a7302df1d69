"""Frames merged along flows, against the same in plain numpy; ``tests/models/test_lite.py`` compares with the graph."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ifrplus_cli.frames import merge as merging
from ifrplus_cli.frames.merge import bands, difference, merge, still_parts
from ifrplus_cli.values import Image


def pictures(height: int, width: int) -> tuple[Image, Image]:
    draw = np.random.default_rng(height)
    left, right = (draw.random((height, width, 3), np.float32) for _ in range(2))
    return left, right


def parts_of(height: int, width: int, flow: tuple[float, ...], *choice: float) -> np.ndarray:
    parts = np.empty((7, -(-height // 2), -(-width // 2)), np.float32)
    parts[:] = np.float32([*flow, *choice])[:, np.newaxis, np.newaxis]
    return parts


def made_of(left: Image, right: Image, parts: np.ndarray, t: float) -> Image:
    return merge(left, right, parts, t, difference(left, right))


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (61, 97), (300, 40)])
def test_where_nothing_moves_frames_are_mixed_by_time(size: tuple[int, int]) -> None:
    left, _ = pictures(*size)
    right = left + 1e-4
    made = made_of(left, right, still_parts(-(-size[0] // 2), -(-size[1] // 2)), 0.25)
    assert (made.shape, made.dtype) == (left.shape, np.float32)
    np.testing.assert_allclose(made, left + 0.25e-4, atol=2e-5)


def test_each_frame_is_sampled_at_its_own_flow() -> None:
    left, right = pictures(120, 80)
    only_left = made_of(left, right, parts_of(120, 80, (3, -2, 0, 0), 40, 40, -40), 0.5)
    only_right = made_of(left, right, parts_of(120, 80, (0, 0, -5, 4), -40, -40, -40), 0.5)
    inner = np.s_[8:-8, 8:-8]
    np.testing.assert_allclose(only_left[inner], np.roll(left, (2, -3), (0, 1))[inner], atol=1e-5)
    np.testing.assert_allclose(only_right[inner], np.roll(right, (-4, 5), (0, 1))[inner], atol=1e-5)


def test_what_lies_outside_repeats_the_edge() -> None:
    left, right = pictures(30, 40)
    made = made_of(left, right, parts_of(30, 40, (500, 0, 0, 0), 40, 40, -40), 0.5)
    np.testing.assert_allclose(made, np.repeat(left[:, -1:], 40, axis=1), atol=1e-5)


def test_rows_that_are_made_apart_fit_together(monkeypatch: pytest.MonkeyPatch) -> None:
    left, right = pictures(250, 60)
    parts = np.random.default_rng(1).normal(0, 2, (7, 125, 30)).astype(np.float32)
    parts[:4] = np.round(parts[:4] * 2) / 2  # no positions between two steps
    whole = made_of(left, right, parts, 0.5)
    monkeypatch.setattr(merging, "PIXELS_A_THREAD", 1500)
    assert len(bands(250, 60)) == 5
    np.testing.assert_allclose(made_of(left, right, parts, 0.5), whole, atol=1e-6)


@given(height=st.integers(1, 5000), width=st.integers(1, 32766))
def test_bands_are_all_rows_once_and_two_threads_or_more_share_each(height: int, width: int) -> None:
    """OpenCV samples each 2**16 pixels, rounded, in a thread of their own, with the rows around that the box sees."""
    divided = bands(height, width)
    assert [row for band in divided for row in band] == list(range(height))
    assert all(band.start % 2 == 0 for band in divided)
    assert len(divided) == 1 or round((len(divided[0]) + 4) * width / 2**16) != 1


@pytest.mark.parametrize("size", [(256, 448), (480, 640), (480, 854), (720, 1280), (1080, 1920), (2160, 3840)])
def test_usual_pictures_are_shared_evenly(size: tuple[int, int]) -> None:
    assert all(round((len(band) + 4) * size[1] / 2**16) % 2 == 0 for band in bands(*size)[:-1])


def test_the_sources_are_not_changed() -> None:
    left, right = pictures(40, 40)
    copies = left.copy(), right.copy()
    made_of(left, right, parts_of(40, 40, (1, 1, -1, -1), 0, 2, 0), 0.5)
    np.testing.assert_array_equal(left, copies[0])
    np.testing.assert_array_equal(right, copies[1])

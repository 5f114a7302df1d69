from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from ifrplus_cli.prior import dis_flow, intermediate_flow, motions_at, pair_flow

Image = npt.NDArray[np.float32]
MARGIN = 12  # cells at each side of the flow that a shift may spoil


def texture(height: int, width: int, seed: int = 0) -> Image:
    """A smooth random picture with detail at several scales, in 0..1."""
    draw = np.random.default_rng(seed)
    picture = np.zeros((height, width, 3), np.float32)
    for sigma in (2, 4, 8):
        noise = cv2.GaussianBlur(draw.normal(size=picture.shape).astype(np.float32), (0, 0), sigma)
        picture += noise / noise.std()
    return np.clip(0.5 + 0.15 * picture, 0, 1)


def shifted_pair(x: int, y: int, height: int = 192, width: int = 256) -> tuple[Image, Image]:
    """Two frames whose content moves by (x, y) pixels from the first to the second."""
    scene = texture(height + 64, width + 64)
    left = scene[32 : 32 + height, 32 : 32 + width]
    right = scene[32 - y : 32 - y + height, 32 - x : 32 - x + width]
    return np.ascontiguousarray(left), np.ascontiguousarray(right)


def inner(flow: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """(C, h, w) without its margins, as the median vector (C,)."""
    return np.median(flow[:, MARGIN:-MARGIN, MARGIN:-MARGIN], axis=(1, 2))


def test_dis_flow_finds_a_translation_in_full_resolution_pixels() -> None:
    left, right = shifted_pair(6, -4)
    flow = dis_flow(left, right)
    assert flow.shape == (48, 64, 2)
    assert flow.dtype == np.float32
    np.testing.assert_allclose(inner(flow.transpose(2, 0, 1)), [6, -4], atol=0.3)


@pytest.mark.parametrize("t", [0.1, 0.25, 0.5, 0.8])
@pytest.mark.parametrize("shift", [(6, -4), (-10, 8), (0, 0)])
def test_a_translation_is_recovered_at_any_timestep(t: float, shift: tuple[int, int]) -> None:
    x, y = shift
    flow = intermediate_flow(pair_flow(*shifted_pair(x, y)), t)
    assert flow.shape == (4, 96, 128)
    assert flow.dtype == np.float32
    np.testing.assert_allclose(inner(flow), [-t * x, -t * y, (1 - t) * x, (1 - t) * y], atol=0.3)


def test_near_the_ends_the_flow_to_the_near_frame_vanishes() -> None:
    flow = pair_flow(*shifted_pair(8, 4))
    assert np.abs(intermediate_flow(flow, 1e-3)[:2]).max() < 0.1
    assert np.abs(intermediate_flow(flow, 1 - 1e-3)[2:]).max() < 0.1


@pytest.mark.parametrize("t", [0.2, 0.5, 0.75])
def test_played_backwards_the_flows_change_places(t: float) -> None:
    left, right = shifted_pair(7, 3)
    forwards = intermediate_flow(pair_flow(left, right), t)
    backwards = intermediate_flow(pair_flow(right, left), 1 - t)
    np.testing.assert_allclose(forwards[:2], backwards[2:], atol=1e-3)
    np.testing.assert_allclose(forwards[2:], backwards[:2], atol=1e-3)


def test_a_moving_patch_lands_at_its_place_at_t() -> None:
    left = texture(256, 256)
    right = left.copy()
    patch = texture(96, 96, seed=5)
    left[80:176, 64:160] = patch
    right[80:176, 76:172] = patch  # moves 12 pixels to the right over a still background
    for motion in motions_at(pair_flow(left, right), 0.5):
        np.testing.assert_allclose(motion[32, (64 + 48 + 6) // 4], [12, 0], atol=1)
        np.testing.assert_allclose(motion[8, 8], [0, 0], atol=0.5)


@pytest.mark.parametrize("size", [(32, 32), (32, 96), (64, 32), (1088, 1984)])
def test_flat_and_tiny_and_large_pictures_give_finite_flow(size: tuple[int, int]) -> None:
    flat = np.full((*size, 3), 0.5, np.float32)
    flow = intermediate_flow(pair_flow(flat, flat), 0.5)
    assert flow.shape == (4, size[0] // 2, size[1] // 2)
    assert np.isfinite(flow).all()
    assert np.abs(flow).max() < 0.5


def test_values_out_of_range_and_noise_stay_finite() -> None:
    draw = np.random.default_rng(3)
    left, right = (draw.normal(0.5, 1.0, (64, 64, 3)).astype(np.float32) for _ in range(2))
    assert np.isfinite(intermediate_flow(pair_flow(left, right), 0.3)).all()


def test_large_frames_are_matched_on_a_smaller_picture_but_in_the_same_unit() -> None:
    left, right = shifted_pair(16, 0, height=256, width=2048)
    flow = intermediate_flow(pair_flow(left, right), 0.5)
    np.testing.assert_allclose(inner(flow), [-8, 0, 8, 0], atol=0.6)

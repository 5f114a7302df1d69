from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from ifrplus_cli.frames.flow import Neighbour, PairFlow, dis_flow, intermediate_flow, pair_flow

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


def pictures(path: Path) -> Iterator[npt.NDArray[np.uint8]]:
    """The frames of a real clip."""
    capture = cv2.VideoCapture(str(path))
    while (read := capture.read())[0]:
        yield np.asarray(read[1], np.uint8)
    capture.release()


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
    assert flow.shape == (4, 48, 64)
    assert flow.dtype == np.float32
    np.testing.assert_allclose(inner(flow), [-t * x, -t * y, (1 - t) * x, (1 - t) * y], atol=0.3)


def test_near_the_ends_the_flow_to_the_near_frame_vanishes() -> None:
    flow = pair_flow(*shifted_pair(8, 4))
    assert np.abs(intermediate_flow(flow, 1e-3)[:2]).max() < 0.1
    assert np.abs(intermediate_flow(flow, 1 - 1e-3)[2:]).max() < 0.1


@pytest.mark.parametrize("t", [0.2, 0.5, 0.75])
def test_reversed_in_time_the_flows_are_exchanged(t: float) -> None:
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
    flow = intermediate_flow(pair_flow(left, right), 0.5)
    np.testing.assert_allclose(flow[:, 32, (64 + 48 + 6) // 4], [-6, 0, 6, 0], atol=0.5)
    np.testing.assert_allclose(flow[:, 8, 8], 0, atol=0.5)


def uniform(x: float, y: float, trust: float = 1.0) -> PairFlow:
    """The flow of a picture that moves as a whole."""
    forward = np.full((24, 32, 2), (x, y), np.float32)
    trusts = np.full((24, 32), trust, np.float32)
    return PairFlow(forward, -forward, trusts, trusts)


def middle(flow: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    return flow[:, flow.shape[1] // 2, flow.shape[2] // 2]


@pytest.mark.parametrize("t", [0.25, 0.5, 0.8])
def test_with_even_motion_around_it_a_path_is_straight(t: float) -> None:
    side = Neighbour(uniform(8, -4), 1.0)
    flow = intermediate_flow(uniform(8, -4), t, side, side)
    np.testing.assert_allclose(middle(flow), [-8 * t, 4 * t, 8 * (1 - t), -4 * (1 - t)], atol=0.02)


@pytest.mark.parametrize("t", [0.25, 0.5, 0.8])
def test_what_gathers_speed_is_nearer_to_where_it_was(t: float) -> None:
    before, after = Neighbour(uniform(4, 0), 1.0), Neighbour(uniform(8, 0), 1.0)  # an acceleration of 2
    flow = intermediate_flow(uniform(6, 0), t, before, after)
    bend = t * (1 - t) / 2 * 2
    place = 6 * t - bend  # of what lies at 0 in the left frame
    assert -middle(flow)[0] == pytest.approx(place, abs=0.3 * bend)
    assert -middle(flow)[0] < 6 * t - 0.5 * bend
    np.testing.assert_allclose(middle(flow)[2] - middle(flow)[0], 6, atol=0.05)


def test_neighbours_of_other_lengths_give_the_same_paths() -> None:
    # constant acceleration of 2 pixels for a length squared: motion 4 in the half length before, 6 in the pair
    even = intermediate_flow(uniform(6, 0), 0.5, Neighbour(uniform(4, 0), 1.0))
    half = intermediate_flow(uniform(6, 0), 0.5, Neighbour(uniform(2.25, 0), 0.5))
    np.testing.assert_allclose(middle(even), middle(half), atol=0.02)


@pytest.mark.parametrize(
    "side",
    [Neighbour(uniform(30, 0), 9.0), Neighbour(uniform(30, 0), 0.1), Neighbour(uniform(90, 0, trust=1e-3), 1.0)],
)
def test_a_neighbour_far_off_or_without_trust_bends_nothing(side: Neighbour) -> None:
    flow = intermediate_flow(uniform(6, 0), 0.5, side, side)
    np.testing.assert_allclose(middle(flow), [-3, 0, 3, 0], atol=0.1)


def test_a_stop_before_the_pair_bends_little() -> None:
    """A repeated frame that a codec made a little different looks like a standstill."""
    flow = intermediate_flow(uniform(24, 0), 0.5, Neighbour(uniform(0, 0), 1.0))
    assert abs(middle(flow)[0] + 12) < 0.1


@pytest.mark.parametrize("size", [(32, 32), (32, 96), (64, 32), (4, 856), (400, 4), (1088, 1984)])
def test_flat_and_tiny_and_large_pictures_give_finite_flow(size: tuple[int, int]) -> None:
    flat = np.full((*size, 3), 0.5, np.float32)
    flow = intermediate_flow(pair_flow(flat, flat), 0.5)
    assert flow.shape == (4, size[0] // 4, size[1] // 4)
    assert np.isfinite(flow).all()
    assert np.abs(flow).max() < 0.5


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system forks no processes")
def test_a_forked_process_finds_flow_too() -> None:
    """Loaders of training data fork, after flow was found in their parent."""
    left, right = np.zeros((2, 64, 64, 3), np.float32)
    pair_flow(left, right)
    child = multiprocessing.get_context("fork").Process(target=pair_flow, args=(left, right))
    child.start()
    child.join(30)
    child.kill()
    assert child.exitcode == 0


def test_values_out_of_range_and_noise_stay_finite() -> None:
    draw = np.random.default_rng(3)
    left, right = (draw.normal(0.5, 1.0, (64, 64, 3)).astype(np.float32) for _ in range(2))
    assert np.isfinite(intermediate_flow(pair_flow(left, right), 0.3)).all()


def test_large_frames_are_matched_on_a_smaller_picture_but_in_the_same_unit() -> None:
    left, right = shifted_pair(16, 0, height=256, width=2048)
    flow = intermediate_flow(pair_flow(left, right), 0.5)
    np.testing.assert_allclose(inner(flow), [-8, 0, 8, 0], atol=0.6)


def disagreement(forward: npt.NDArray[np.float32], backward: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Distance in pixels between each cell and its position after a way to the other frame and back."""
    y, x = np.mgrid[0 : forward.shape[0], 0 : forward.shape[1]].astype(np.float32)
    back = cv2.remap(backward, x + forward[..., 0] / 4, y + forward[..., 1] / 4, cv2.INTER_LINEAR)
    return np.linalg.norm(forward + back, axis=2)


def test_forward_and_backward_flow_guide_each_other(bikes: Path) -> None:
    frames = [picture.astype(np.float32) / 255 for picture in islice(pictures(bikes), 19)]
    pairs = [(frames[first], frames[first + 3]) for first in range(0, 16, 5)]
    alone = sum(disagreement(dis_flow(left, right), dis_flow(right, left)).mean() for left, right in pairs)
    together = [pair_flow(left, right) for left, right in pairs]
    assert sum(disagreement(found.forward, found.backward).mean() for found in together) < 0.9 * alone


def test_greys_beyond_black_and_white_are_black_and_white() -> None:
    draw = np.random.default_rng(8)
    greys = (cv2.GaussianBlur(draw.uniform(-2, 3, (32, 48)).astype(np.float32), None, 1) for _ in range(2))
    left, right = (np.dstack([grey.repeat(2, axis=0).repeat(2, axis=1)] * 3) for grey in greys)
    assert left.min() < 0 and left.max() > 1
    np.testing.assert_array_equal(dis_flow(left, right), dis_flow(left.clip(0, 1), right.clip(0, 1)))

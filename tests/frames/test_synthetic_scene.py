"""The generated scene is the same each time, has texture, and moves."""

from __future__ import annotations

import numpy as np
import pytest

from ifrplus_cli.frames.flow import dis_flow
from ifrplus_cli.frames.synthetic_scene import moving_scene


@pytest.mark.parametrize("size", [(448, 256), (33, 21), (1, 1)])
def test_pictures_are_as_the_network_takes_them(size: tuple[int, int]) -> None:
    width, height = size
    frames = list(moving_scene(width, height, 3))
    assert [frame.shape for frame in frames] == [(height, width, 3)] * 3
    assert all(frame.dtype == np.float32 and frame.min() >= 0 and frame.max() <= 1 for frame in frames)


def test_the_scene_is_the_same_each_time() -> None:
    first, again = (np.stack(list(moving_scene(64, 48, 2))) for _ in range(2))
    np.testing.assert_array_equal(first, again)


def test_it_has_detail_but_is_not_noise() -> None:
    (frame,) = moving_scene(448, 256, 1)
    neighbours = np.corrcoef(frame[:, 1:].ravel(), frame[:, :-1].ravel())[0, 1]
    assert 0.8 < neighbours < 0.995


def test_its_layers_move_differently() -> None:
    left, right = moving_scene(448, 256, 2)
    slowest, fastest = np.percentile(np.linalg.norm(dis_flow(left, right), axis=2), (10, 95))
    assert 0.5 < slowest < 3  # pixels of the background
    assert 7 < fastest < 15  # and of the objects

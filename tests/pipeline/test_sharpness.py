"""How sharp made frames are is measured on a sample of them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from ifrplus_cli.pipeline.sharpness import EVERY, Sharpness
from ifrplus_cli.values import Image


@pytest.fixture
def texture() -> Image:
    return np.random.default_rng(1).uniform(0, 1, (64, 64, 3)).astype(np.float32)


def test_a_blurred_frame_has_a_small_share_of_its_neighbours_detail(texture: Image) -> None:
    blurred, sharp = Sharpness(), Sharpness()
    blurred.see(texture, cv2.GaussianBlur(texture, (0, 0), 2), texture)
    sharp.see(texture, texture[::-1].copy(), texture)
    assert blurred.mean is not None and blurred.mean < 0.1
    assert sharp.mean == pytest.approx(1, abs=0.05)


def test_only_some_frames_are_measured(texture: Image) -> None:
    sharpness, flat = Sharpness(), np.zeros_like(texture)
    sharpness.see(texture, texture, texture)
    for _ in range(EVERY - 1):
        sharpness.see(texture, flat, texture)
    assert sharpness.mean == pytest.approx(1)
    sharpness.see(texture, flat, texture)
    assert sharpness.mean == pytest.approx(0.5)


def test_flat_pictures_say_nothing() -> None:
    sharpness, flat = Sharpness(), np.full((32, 32, 3), 0.5, np.float32)
    sharpness.see(flat, flat, flat)
    assert sharpness.mean is None

"""Detail: the variance of the Laplacian, and what blurring, noise and flat pictures make of it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from ifrplus_cli.frames.detail import Detail, detail_of


def texture(height: int = 48, width: int = 64, seed: int = 0) -> np.ndarray:
    grey = np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)
    return cv2.cvtColor(cv2.GaussianBlur(grey, (0, 0), 1), cv2.COLOR_GRAY2RGB)


def test_detail_is_the_variance_of_the_laplacian_of_luma() -> None:
    picture = texture()
    grey = np.pad(picture[..., 0].astype(float), 1, mode="reflect")
    laplacian = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:] - 4 * grey[1:-1, 1:-1]
    assert detail_of(picture).luma == pytest.approx(laplacian.var())
    assert detail_of(picture).chroma == 0


def test_a_blurred_picture_has_less_and_a_noisy_one_more() -> None:
    picture = texture()
    whole = detail_of(picture)
    noise = np.random.default_rng(1).normal(0, 20, picture.shape)
    noisy = np.clip(picture + noise, 0, 255).astype(np.uint8)
    assert detail_of(cv2.GaussianBlur(picture, (0, 0), 1)).share_of(whole).luma < 0.3
    assert detail_of(noisy).share_of(whole).luma > 1.2
    assert detail_of(noisy).chroma > 10


def test_a_share_is_that_of_the_mean_of_the_others() -> None:
    assert Detail(30, 6).share_of(Detail(20, 2), Detail(40, 4)) == Detail(1, 2)


def test_beside_flat_pictures_nothing_is_soft_or_sharp() -> None:
    flat = detail_of(np.full((48, 64, 3), 90, np.uint8))
    assert flat == Detail(0, 0)
    assert detail_of(texture()).share_of(flat) == Detail(1, 1)

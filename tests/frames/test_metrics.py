"""PSNR and SSIM against values worked out by hand from their definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ifrplus_cli.frames.metrics import psnr, ssim, ssim_volume


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def ssim_by_definition(left: np.ndarray, right: np.ndarray, peak: float) -> float:
    """The mean over all 11 x 11 windows, one after the other."""
    offsets = np.arange(-5, 6)
    window = np.exp(-(offsets[:, None] ** 2 + offsets[None, :] ** 2) / (2 * 1.5**2))
    window /= window.sum()
    values = []
    for y in range(left.shape[0] - 10):
        for x in range(left.shape[1] - 10):
            a, b = left[y : y + 11, x : x + 11].astype(float), right[y : y + 11, x : x + 11].astype(float)
            mean_a, mean_b = (window * a).sum(), (window * b).sum()
            variance_a, variance_b = (window * (a - mean_a) ** 2).sum(), (window * (b - mean_b) ** 2).sum()
            covariance = (window * (a - mean_a) * (b - mean_b)).sum()
            c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
            luminance = (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
            values.append(luminance * (2 * covariance + c2) / (variance_a + variance_b + c2))
    return float(np.mean(values))


def test_equal_pictures() -> None:
    picture = noise(16, 20, 3)
    assert psnr(picture, picture) == math.inf
    assert ssim(picture, picture) == pytest.approx(1.0, abs=1e-12)


def test_psnr_of_a_constant_error() -> None:
    truth = np.full((8, 8, 3), 100, np.uint8)
    assert psnr(truth + np.uint8(1), truth) == pytest.approx(48.1308, abs=1e-4)
    assert psnr(truth - np.uint8(51), truth) == pytest.approx(20 * math.log10(5))


def test_psnr_averages_squares_over_all_samples() -> None:
    truth = np.zeros((2, 2, 3), np.uint8)
    picture = truth.copy()
    picture[0, 0, 0] = 12
    assert psnr(picture, truth) == pytest.approx(10 * math.log10(255**2 / 12))


def test_the_peak_follows_the_type() -> None:
    assert psnr(np.full((4, 4), 0.1), np.zeros((4, 4))) == pytest.approx(20)
    codes = np.full((4, 4), 500, np.uint16)
    assert psnr(codes + np.uint16(1), codes) == pytest.approx(20 * math.log10(65535))


def test_ssim_of_flat_pictures_is_the_luminance_term() -> None:
    left, right = np.full((12, 12), 100, np.uint8), np.full((12, 12), 120, np.uint8)
    c1 = (0.01 * 255) ** 2
    assert ssim(left, right) == pytest.approx((2 * 100 * 120 + c1) / (100**2 + 120**2 + c1))


def test_ssim_is_its_definition() -> None:
    left, right = noise(17, 14), noise(17, 14, seed=1)
    half = ((left.astype(int) + right) // 2).astype(np.uint8)
    for other in (right, half):
        assert ssim(left, other) == pytest.approx(ssim_by_definition(left, other, 255), abs=1e-9)


def test_ssim_of_colours_is_the_mean_over_channels() -> None:
    left, right = noise(15, 15, 3), noise(15, 15, 3, seed=1)
    channels = [ssim(left[..., index], right[..., index]) for index in range(3)]
    assert ssim(left, right) == pytest.approx(np.mean(channels))


def test_depth_does_not_matter() -> None:
    left, right = noise(15, 15), noise(15, 15, seed=1)
    assert ssim(left / 255, right / 255) == pytest.approx(ssim(left, right))
    assert psnr(left / 255, right / 255) == pytest.approx(psnr(left, right))


def test_pictures_that_cannot_be_compared_are_refused() -> None:
    with pytest.raises(ValueError, match="shapes"):
        psnr(noise(4, 4), noise(4, 5))
    with pytest.raises(ValueError, match="11 x 11"):
        ssim(noise(10, 40), noise(10, 40))


def mixed(picture: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Three parts of one and one of the other."""
    return ((picture.astype(int) * 3 + other) // 4).astype(np.uint8)


def test_both_kinds_of_ssim_agree_with_other_implementations() -> None:
    """Computed once by scikit-image 0.26, and by PyTorch's ``conv3d`` as IFRNet's ``metric.py`` does."""
    truth = noise(40, 33, 3)
    picture = mixed(truth, noise(40, 33, 3, seed=1))
    assert ssim(picture, truth) == pytest.approx(0.9245322209340233, abs=1e-9)
    assert ssim_volume(picture, truth) == pytest.approx(0.9257470262667757, abs=1e-9)


def test_ssim_is_that_of_scikit_image() -> None:
    metrics = pytest.importorskip("skimage.metrics")
    truth = noise(40, 33, 3)
    picture = mixed(truth, noise(40, 33, 3, seed=1))
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 255}
    same = metrics.structural_similarity(truth, picture, channel_axis=-1, **options)
    assert ssim(picture, truth) == pytest.approx(same, abs=1e-4)
    assert psnr(picture, truth) == pytest.approx(metrics.peak_signal_noise_ratio(truth, picture), abs=1e-4)


def test_volume_ssim_averages_across_channels() -> None:
    truth = noise(20, 20, 3)
    picture = mixed(truth, noise(20, 20, 3, seed=1))
    assert ssim_volume(truth, truth) == pytest.approx(1.0, abs=1e-12)
    assert ssim_volume(picture[..., ::-1], truth[..., ::-1]) == pytest.approx(ssim_volume(picture, truth))
    assert ssim_volume(picture[..., [1, 0, 2]], truth[..., [1, 0, 2]]) != pytest.approx(ssim_volume(picture, truth))
    with pytest.raises(ValueError, match="11 x 11"):
        ssim_volume(noise(40, 10, 3), noise(40, 10, 3))

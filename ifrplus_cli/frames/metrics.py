"""Measure how similar two pictures are: PSNR and SSIM."""

from __future__ import annotations

import math
from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.unsignedinteger] | npt.NDArray[np.floating]
_Floats = npt.NDArray[np.float64]

# Window and constants of Wang et al., "Image quality assessment: from error visibility to structural similarity",
# IEEE Transactions on Image Processing 13(4), 2004, section III.B and C.
SSIM_WINDOW = 11
LARGEST_PSNR = 100.0  # dB, for where a mean is taken: equal pictures have no finite one
_SIGMA = 1.5
_K1, _K2 = 0.01, 0.03


def psnr(picture: Picture, truth: Picture) -> float:
    """Compute the peak signal-to-noise ratio in decibels, over all samples of all channels; infinite if equal.

    The peak is the largest value of the type for unsigned integers, and 1 for floats.

    Args:
        picture: H x W or H x W x C.
        truth: the same shape.

    Raises:
        ValueError: if the shapes differ.
    """
    error = np.subtract(*_floats(picture, truth))
    mean_square = float(np.mean(np.square(error)))
    return math.inf if mean_square == 0 else 10 * math.log10(_peak(truth) ** 2 / mean_square)


def ssim(picture: Picture, truth: Picture) -> float:
    """Compute the structural similarity of each channel, at most 1; results report it as ``ssim_channels``.

    The window is the Gaussian (11 x 11, standard deviation 1.5) of Wang et al. 2004, with weighted (biased) variances.
    Channels are compared separately and averaged (for RGB, the mean over R, G and B); pass a luma plane for the figure
    of the paper. Only positions where the whole window lies inside the picture count. This is the measure of
    MindEditing (``mindediting/metrics/ssim.py``), by which the 0.9710 of IFR+ was published, and of scikit-image's
    ``structural_similarity`` with ``gaussian_weights=True, sigma=1.5, use_sample_covariance=False, channel_axis=-1``.

    Args:
        picture: H x W or H x W x C, at least 11 x 11.
        truth: the same shape.

    Raises:
        ValueError: if the shapes differ, or the pictures are smaller than the window.
    """
    return _similarity(picture, truth, _local_mean)


def ssim_volume(picture: Picture, truth: Picture) -> float:
    """Compute the structural similarity of the picture as a volume, at most 1, as most papers on interpolation do.

    A Gaussian window of 11 x 11 x 11 (standard deviation 1.5) runs over height, width and channels alike; the
    outermost values are repeated beyond every edge, and every position counts. Since R, G and B are averaged together,
    the figure is higher than that of ``ssim``. It is ``ssim_matlab`` of the evaluation code of RIFE and
    ``calculate_ssim`` of IFRNet's (``metric.py``), named after MATLAB's treatment of a colour picture as a volume; the
    0.9794 (base) and 0.9808 (L) of IFRNet on Vimeo-90K were published by it.

    Args:
        picture: H x W x C, at least 11 x 11.
        truth: the same shape.

    Raises:
        ValueError: if the shapes differ, or the pictures are smaller than the window.
    """
    return _similarity(picture, truth, _volume_mean)


def _similarity(picture: Picture, truth: Picture, mean: Callable[[_Floats], _Floats]) -> float:
    """Return the SSIM for which ``mean`` computes the local means."""
    peak = _peak(truth)
    left, right = _floats(picture, truth)
    if min(left.shape[:2]) < SSIM_WINDOW:
        raise ValueError(
            f"SSIM needs pictures of at least {SSIM_WINDOW} x {SSIM_WINDOW}, not {left.shape[1]} x {left.shape[0]}."
        )
    mean_left, mean_right = mean(left), mean(right)
    variance_left = mean(left * left) - mean_left**2
    variance_right = mean(right * right) - mean_right**2
    covariance = mean(left * right) - mean_left * mean_right
    c1, c2 = (_K1 * peak) ** 2, (_K2 * peak) ** 2
    luminance = (2 * mean_left * mean_right + c1) / (mean_left**2 + mean_right**2 + c1)
    structure = (2 * covariance + c2) / (variance_left + variance_right + c2)
    return float(np.mean(luminance * structure))


def _floats(picture: Picture, truth: Picture) -> tuple[_Floats, _Floats]:
    if picture.shape != truth.shape:
        raise ValueError(f"Pictures of different shapes cannot be compared: {picture.shape} and {truth.shape}.")
    return picture.astype(np.float64), truth.astype(np.float64)


def _peak(picture: Picture) -> float:
    return 2.0 ** (8 * picture.dtype.itemsize) - 1 if picture.dtype.kind == "u" else 1.0


def _local_mean(values: _Floats) -> _Floats:
    """Gaussian mean over each window that lies inside the picture."""
    blurred = cv2.GaussianBlur(values, (SSIM_WINDOW, SSIM_WINDOW), _SIGMA)
    margin = SSIM_WINDOW // 2
    return blurred[margin:-margin, margin:-margin]


def _volume_mean(values: _Floats) -> _Floats:
    """Gaussian mean around each sample over height, width and channels; the edges are repeated outwards."""
    channels, margin = values.shape[2], SSIM_WINDOW // 2
    weights = cv2.getGaussianKernel(SSIM_WINDOW, _SIGMA).ravel()
    mixture = np.zeros((channels, channels))
    for offset, weight in zip(range(-margin, margin + 1), weights, strict=True):
        for channel in range(channels):
            mixture[min(max(channel + offset, 0), channels - 1), channel] += weight
    blurred = cv2.GaussianBlur(values, (SSIM_WINDOW, SSIM_WINDOW), _SIGMA, borderType=cv2.BORDER_REPLICATE)
    return blurred @ mixture

"""How alike two pictures are: PSNR and SSIM."""

from __future__ import annotations

import math

import cv2
import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.unsignedinteger] | npt.NDArray[np.floating]

# Window and constants of Wang et al., "Image quality assessment: from error visibility to structural similarity",
# IEEE Transactions on Image Processing 13(4), 2004, section III.B and C.
_WINDOW = 11
_SIGMA = 1.5
_K1, _K2 = 0.01, 0.03


def psnr(picture: Picture, truth: Picture, *, peak: float | None = None) -> float:
    """Peak signal-to-noise ratio in decibels, over all samples of all channels; infinite for equal pictures.

    Args:
        picture: H x W or H x W x C.
        truth: of the same shape.
        peak: largest value; by default that of the type for unsigned integers and 1 for floats.

    Raises:
        ValueError: the shapes differ.
    """
    peak = _peak(truth) if peak is None else peak
    error = np.subtract(*_floats(picture, truth))
    mean_square = float(np.mean(np.square(error)))
    return math.inf if mean_square == 0 else 10 * math.log10(peak**2 / mean_square)


def ssim(picture: Picture, truth: Picture, *, peak: float | None = None) -> float:
    """Structural similarity, at most 1, with the Gaussian window (11 x 11, standard deviation 1.5) of Wang et al. 2004.

    Channels are compared each by itself and averaged (RGB in, the mean over R, G and B out); give a luma plane for the
    figure of the paper. Only places where the whole window lies inside the picture count.

    Args:
        picture: H x W or H x W x C, at least 11 x 11.
        truth: of the same shape.
        peak: largest value; by default that of the type for unsigned integers and 1 for floats.

    Raises:
        ValueError: the shapes differ, or the pictures are smaller than the window.
    """
    peak = _peak(truth) if peak is None else peak
    left, right = _floats(picture, truth)
    if min(left.shape[:2]) < _WINDOW:
        raise ValueError(
            f"SSIM needs pictures of at least {_WINDOW} x {_WINDOW}, not {left.shape[1]} x {left.shape[0]}."
        )
    mean_left, mean_right = _local_mean(left), _local_mean(right)
    variance_left = _local_mean(left * left) - mean_left**2
    variance_right = _local_mean(right * right) - mean_right**2
    covariance = _local_mean(left * right) - mean_left * mean_right
    c1, c2 = (_K1 * peak) ** 2, (_K2 * peak) ** 2
    luminance = (2 * mean_left * mean_right + c1) / (mean_left**2 + mean_right**2 + c1)
    structure = (2 * covariance + c2) / (variance_left + variance_right + c2)
    return float(np.mean(luminance * structure))


def _floats(picture: Picture, truth: Picture) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    if picture.shape != truth.shape:
        raise ValueError(f"Pictures of different shapes cannot be compared: {picture.shape} and {truth.shape}.")
    return picture.astype(np.float64), truth.astype(np.float64)


def _peak(picture: Picture) -> float:
    return 2.0 ** (8 * picture.dtype.itemsize) - 1 if picture.dtype.kind == "u" else 1.0


def _local_mean(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Gaussian mean over each window that lies inside."""
    blurred = cv2.GaussianBlur(values, (_WINDOW, _WINDOW), _SIGMA)
    margin = _WINDOW // 2
    return blurred[margin:-margin, margin:-margin]

"""Operators shared by the networks; everything that depends on how a device computes is here."""

from __future__ import annotations

import os

# oneDNN as MindSpore calls it has no AVX-512 convolution for plain NCHW tensors and falls back to a reference loop that
# is 60 times slower than its AVX2 one. It reads this once, at the first convolution of the process.
os.environ.setdefault("ONEDNN_MAX_CPU_ISA", "AVX2")

import mindspore as ms
from mindspore import Tensor, mint, ops


def leaky(x: Tensor) -> Tensor:
    """Leaky ReLU of slope 0.1."""
    return ops.maximum(x, 0.1 * x)


def warp(image: Tensor, flow: Tensor) -> Tensor:
    """Backward warp: samples ``image`` at p + flow, bilinear, edges repeated.

    Args:
        image: (N, C, H, W) float, H and W at least 2.
        flow: (N, 2, H, W) float, x and y in pixels of ``image``.

    Returns:
        (N, C, H, W).
    """
    height, width = image.shape[2:]
    x, y = mint.split(flow, 1, 1)
    x = (x + ops.arange(width).astype(flow.dtype)) * (2 / (width - 1)) - 1
    y = (y + ops.arange(height).astype(flow.dtype).reshape(height, 1)) * (2 / (height - 1)) - 1
    grid = ops.cat((x, y), 1).transpose(0, 2, 3, 1)
    return ops.grid_sample(image, grid, mode="bilinear", padding_mode="border", align_corners=True)


def enlarge(x: Tensor) -> Tensor:
    """(N, C, H, W) to (N, C, 2H, 2W), bilinear with half-pixel centres."""
    height, width = x.shape[2:]
    return ops.interpolate(x, size=(2 * height, 2 * width), mode="bilinear", align_corners=False)


def shrink(x: Tensor, factor: int) -> Tensor:
    """(N, C, H, W) to (N, C, H/factor, W/factor), the mean of each cell."""
    return ops.avg_pool2d(x, factor, factor)


def shuffle(x: Tensor) -> Tensor:
    """Pixel shuffle by 2: (N, 4C, H, W) to (N, C, 2H, 2W); channel 4c + 2i + j becomes pixel (i, j) of each block."""
    n, channels, height, width = x.shape
    x = x.reshape(n, channels // 4, 2, 2, height, width).transpose(0, 1, 4, 2, 5, 3)
    return x.reshape(n, channels // 4, 2 * height, 2 * width)


def unshuffle(x: Tensor) -> Tensor:
    """Inverse of ``shuffle``: (N, C, 2H, 2W) to (N, 4C, H, W)."""
    n, channels, height, width = x.shape
    x = x.reshape(n, channels, height // 2, 2, width // 2, 2).transpose(0, 1, 3, 5, 2, 4)
    return x.reshape(n, 4 * channels, height // 2, width // 2)


def matching_cost(left: Tensor, right: Tensor, radius: int) -> Tensor:
    """Mean absolute difference of the features for every shift of ``right`` by up to ``radius`` cells.

    Args:
        left, right: (N, C, H, W); beyond its edges ``right`` is zero.

    Returns:
        (N, (2 radius + 1)**2, H, W), shifts row by row from upper left to lower right.
    """
    n, channels, height, width = left.shape
    side = 2 * radius + 1
    padded = ops.pad(right, (radius, radius, radius, radius))
    columns = ops.stack([padded[:, :, :, x : x + width] for x in range(side)], 2)
    shifted = ops.stack([columns[:, :, :, y : y + height] for y in range(side)], 2)
    difference = ops.abs(shifted - left[:, :, None, None]).reshape(n, channels, -1)
    # A matrix product, since reductions over channels are slow on CPU.
    mean = ops.ones((n, 1, channels), ms.float32) / channels
    return ops.bmm(mean, difference).reshape(n, side * side, height, width)

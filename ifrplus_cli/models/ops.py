"""Operators shared by the networks; everything that depends on how a device computes is here."""

from __future__ import annotations

import os

# oneDNN as MindSpore calls it has no AVX-512 convolution for plain NCHW tensors and falls back to a reference loop that
# is 60 times slower than its AVX2 one. The variable is read only once, at the first convolution of the process.
os.environ.setdefault("ONEDNN_MAX_CPU_ISA", "AVX2")

import mindspore as ms
import numpy as np
from mindspore import Tensor, ops
from mindspore.ops import constexpr
from mindspore.ops.operations.nn_ops import DeformableOffsets

BAND_POSITIONS = 2**18  # positions sampled at once on a CPU, so that intermediate results stay in the cache
MOST_GATHERED = 2**22  # positions in pictures, those of two of 1920x1088: more would take too much memory
LARGEST_EXACT = 2**24  # up to here float32 represents every whole number


# MindSpore compiles its functions in Python again at every call: interpolate takes 0.7 s, arange 0.5 s, split
# 0.4 s. Its primitives, and constants that Python computes, take a tenth of that.


def split(x: Tensor, sizes: tuple[int, ...], axis: int = 1) -> tuple[Tensor, ...]:
    """Split ``x`` along an axis into parts of the given ``sizes``."""
    parts = ()
    for begin, size in _portions(x.shape, sizes, axis):
        parts += (ops.slice(x, begin, size),)
    return parts


@constexpr
def _portions(shape: tuple[int, ...], sizes: tuple[int, ...], axis: int) -> tuple[tuple[tuple[int, ...], ...], ...]:
    """Begin and size of each part of ``split``."""
    portions, first = [], 0
    for size in sizes:
        begin, extent = [0] * len(shape), list(shape)
        begin[axis], extent[axis] = first, size
        portions.append((tuple(begin), tuple(extent)))
        first += size
    return tuple(portions)


def equal_parts(x: Tensor, count: int, axis: int = 1) -> tuple[Tensor, ...]:
    """Split ``x`` along an axis into ``count`` parts of equal size."""
    return ops.Split(axis, count)(x)


@constexpr
def counted(count: int) -> Tensor:
    """Return (count,) float32: 0, 1, 2 and so on."""
    return Tensor(np.arange(count, dtype=np.float32))


def convolve(x: Tensor, weight: Tensor, stride: int = 1, padding: int = 0, groups: int = 1) -> Tensor:
    """Convolve (N, C, H, W) with (O, C / groups, k, k), with zeros outside the picture."""
    outside, _, *size = weight.shape
    layer = ops.Conv2D(outside, tuple(size), pad_mode="pad", pad=padding, stride=stride, group=groups)
    return layer(x, weight)


def resize(x: Tensor, size: tuple[int, int], align_corners: bool = False) -> Tensor:
    """Resize (N, C, H, W) to (N, C, *size), bilinear with half-pixel centres or aligned corners."""
    return ops.ResizeBilinearV2(align_corners, not align_corners)(x, size)


def leaky(x: Tensor, slope: float = 0.1) -> Tensor:
    """Leaky ReLU with a slope from 0 to 1."""
    return ops.maximum(x, slope * x)


def prelu(x: Tensor, slopes: Tensor) -> Tensor:
    """Leaky ReLU of (N, C, H, W) with a slope for each channel, (C,), or one for all channels, (1,)."""
    change = ops.cast(slopes - 1, x.dtype)
    below = ops.minimum(x, 0)
    return x + (below * change if change.size == 1 else scale_channels(below, change.reshape(1, -1)))


@constexpr
def device() -> str:
    """Return the kind of device for which a graph is being built; it decides between the forms of an operator."""
    return ms.get_context("device_target")


def warp(image: Tensor, flow: Tensor) -> Tensor:
    """Backward warp: sample ``image`` at p + flow, bilinear, with repeated edges.

    Args:
        image: (N, C, H, W) float, H and W at least 2.
        flow: (N, 2, H, W) float32, x and y in pixels of ``image``.

    Returns:
        (N, C, H, W), of the type of ``image``.
    """
    right, down = ops.unstack(flow, 1)
    columns, rows = pixel_places(right)
    return sample(image, columns + right, rows + down)


def warp_both(images: Tensor, flows: Tensor) -> Tensor:
    """``warp`` for stacked flows: (M, C, H, W) by (N, M / N * 2, H, W)."""
    height, width = images.shape[2:]
    return warp(images, flows.reshape(-1, 2, height, width))


def warp_shrunk(images: Tensor, flows: Tensor, cell: int) -> Tensor:
    """``warp_both``, then ``shrink_bilinear``; only the pixels that count are sampled.

    Args:
        images: (2N, C, H, W) float, left and right alternating.
        flows: (N, 4, H, W) float32, to left and to right in pixels.
        cell: even factor by which the result is smaller, or 1.

    Returns:
        (2N, C, H / cell, W / cell).
    """
    if cell == 1:
        return warp_both(images, flows)
    height, width = images.shape[2:]
    right, down = ops.unstack(centres(flows.reshape(-1, 2, height, width), cell), 1)
    columns, rows = centres_along(width, cell), centres_along(height, cell)
    columns = ops.tile(columns.reshape(1, 1, -1), (right.shape[0], right.shape[1], 1))
    rows = ops.tile(rows.reshape(1, -1, 1), (right.shape[0], 1, right.shape[2]))
    return shrink(sample(images, columns + right, rows + down), 2)


def joined(pairs: Tensor) -> Tensor:
    """Reshape (2N, C, H, W), the two of a pair one after the other, to (N, 2C, H, W)."""
    n, channels, height, width = pairs.shape
    return pairs.reshape(n // 2, 2 * channels, height, width)


def sample(image: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Sample ``image``, bilinear, with repeated edges.

    Args:
        image: (N, C, H, W) float, H and W at least 2.
        x, y: (N, h, w) float32 positions in pixels, however far outside.

    Returns:
        (N, C, h, w), of the type of ``image``.
    """
    # Ascend runs the primitive only on its control processor. On a CPU it takes twice as long, but less memory.
    few = image.shape[1] > 3 or x.size <= MOST_GATHERED
    gathered = device() == "Ascend" or (device() == "CPU" and few)
    return sample_by_gather(image, x, y) if gathered else sample_by_primitive(image, x, y)


def sample_by_primitive(image: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """``sample`` with the primitive GridSampler2D."""
    height, width = image.shape[2:]
    grid = ops.stack((x * (2 / (width - 1)) - 1, y * (2 / (height - 1)) - 1), -1)
    # The primitive takes only one type for both inputs, and positions need float32.
    sampled = ops.grid_sample(
        ops.cast(image, ms.float32), grid, mode="bilinear", padding_mode="border", align_corners=True
    )
    return ops.cast(sampled, image.dtype)


def sample_by_gather(image: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """``sample`` using only gather and arithmetic."""
    pixels = ops.transpose(image, (0, 2, 3, 1)).reshape(-1, image.shape[1])
    rows = _band_rows(x.shape)
    if device() != "CPU" or rows >= x.shape[1]:
        return _gathered(pixels, image.shape, x, y)
    sizes = _band_sizes(x.shape[1], rows)
    bands = ()
    for band_x, band_y in zip(split(x, sizes), split(y, sizes)):  # noqa: B905 - MindSpore's zip
        bands += (_gathered(pixels, image.shape, band_x, band_y),)
    return ops.cat(bands, 2)


@constexpr
def _band_rows(shape: tuple[int, int, int]) -> int:
    """Number of rows of (N, h, w) positions that are sampled at once."""
    return max(1, BAND_POSITIONS // (shape[0] * shape[2]))


@constexpr
def _band_sizes(rows: int, band: int) -> tuple[int, ...]:
    return tuple(min(band, rows - first) for first in range(0, rows, band))


def _gathered(pixels: Tensor, shape: tuple[int, int, int, int], x: Tensor, y: Tensor) -> Tensor:
    """``sample`` of an image of shape ``shape`` whose pixels are (N * H * W, C)."""
    n, channels, height, width = shape
    x = ops.minimum(ops.maximum(x, 0), width - 1)
    y = ops.minimum(ops.maximum(y, 0), height - 1)
    # The last column and the last row are never the upper left of four neighbours.
    left = ops.minimum(ops.floor(x), width - 2)
    top = ops.minimum(ops.floor(y), height - 2)
    # On a CPU, sums of integers take three times as long as those of floats, and permanently 16 bytes an element.
    number = ms.float32 if n * height * width <= LARGEST_EXACT else ms.int32
    picture = ops.cast(counted(n), number).reshape(n, 1, 1) * (height * width)
    first = ops.cast(top, number) * width + ops.cast(left, number) + ops.tile(picture, (1, *x.shape[1:]))
    first = first.reshape(-1)
    to_right = repeated(ops.cast(x - left, pixels.dtype).reshape(-1, 1), channels)
    to_bottom = repeated(ops.cast(y - top, pixels.dtype).reshape(-1, 1), channels)

    upper = _lerp(pick(pixels, first), pick(pixels, first + 1), to_right)
    lower = _lerp(pick(pixels, first + width), pick(pixels, first + (width + 1)), to_right)
    sampled = _lerp(upper, lower, to_bottom)
    return ops.transpose(sampled.reshape(n, *x.shape[1:], channels), (0, 3, 1, 2))


def pick(pixels: Tensor, numbers: Tensor) -> Tensor:
    """Return the pixels, of (P, C), with these numbers, float32 or int32."""
    return ops.gather(pixels, ops.cast(numbers, ms.int32), 0)


def _lerp(a: Tensor, b: Tensor, share: Tensor) -> Tensor:
    """Interpolate from (P, C) ``a`` to ``b`` by ``share``."""
    return a + share * (b - a)


def pixel_places(like: Tensor) -> tuple[Tensor, Tensor]:
    """Column and row of each pixel of (..., h, w), of the same shape, float32."""
    *others, height, width = like.shape
    ones = (1,) * len(others)
    columns = counted(width).reshape(*ones, 1, width)
    rows = counted(height).reshape(*ones, height, 1)
    return ops.tile(columns, (*others, height, 1)), ops.tile(rows, (*others, 1, width))


def deformable_conv(x: Tensor, right: Tensor, down: Tensor, mask: Tensor, weight: Tensor) -> Tensor:
    """Modulated deformable 3x3 convolution, zeros outside the picture (DCNv2, arXiv 1811.11168, section 3.1).

    Args:
        x: (N, C, H, W) float.
        right, down: (N, 9, H, W) float32, offset of each tap in pixels from its regular position.
        mask: (N, 9, H, W) float32, factor on each tap.
        weight: (O, C, 3, 3), of the type of ``x``.

    Returns:
        (N, O, H, W), of the type of ``x``.
    """
    form = deformable_conv_by_gather if device() == "Ascend" else deformable_conv_by_primitive
    return form(x, right, down, mask, weight)


def deformable_conv_by_primitive(x: Tensor, right: Tensor, down: Tensor, mask: Tensor, weight: Tensor) -> Tensor:
    """``deformable_conv`` with the primitive DeformableOffsets."""
    deform = DeformableOffsets((1, 1, 1, 1), (1, 1, 1, 1), (3, 3))
    # Its output is 3H x 3W. It takes only one type for both inputs, and positions need float32.
    taps = deform(ops.cast(x, ms.float32), ops.cat((right, down, mask), 1))
    return convolve(ops.cast(taps, x.dtype), weight, stride=3)


def deformable_conv_by_gather(x: Tensor, right: Tensor, down: Tensor, mask: Tensor, weight: Tensor) -> Tensor:
    """``deformable_conv`` using only gather and arithmetic."""
    n, channels, height, width = x.shape
    # Repeating a border of zeros gives zeros outside. It shifts all positions by 1, so that the taps begin at 0.
    padded = ops.pad(x, (1, 1, 1, 1))
    taps = counted(9).reshape(1, 9, 1, 1)
    columns, rows = pixel_places(right)
    across = (right + columns + taps % 3).reshape(n, 9 * height, width)
    along = (down + rows + taps // 3).reshape(n, 9 * height, width)
    sampled = sample_by_gather(padded, across, along).reshape(n, channels, 9, height, width)
    sampled = sampled * ops.cast(mask, x.dtype).reshape(n, 1, 9, height, width)
    return convolve(sampled.reshape(n, channels * 9, height, width), weight.reshape(-1, channels * 9, 1, 1))


# On a CPU, an operator that broadcasts one of its inputs keeps a table of 16 bytes an element for as long as the graph
# lives: 3 GB for 96 channels of 1920x1024. Matrix products, and convolutions with one weight a channel, do the
# same without it.


def repeated(column: Tensor, count: int) -> Tensor:
    """Repeat (P, 1) to (P, count), or return an equivalent."""
    return ops.matmul(column, ops.ones((1, count), column.dtype)) if device() == "CPU" else column


def scale_channels(x: Tensor, factor: Tensor) -> Tensor:
    """Multiply each channel of (N, C, H, W) by its factor, (1, C) or (N, C)."""
    if device() != "CPU":
        return x * factor.expand_dims(-1).expand_dims(-1)
    height, width = x.shape[2:]
    kernel = factor.reshape(-1, 1, 1, 1)
    scaled = convolve(x.reshape(-1, factor.size, height, width), kernel, groups=factor.size)
    return scaled.reshape(x.shape)


def layer_norm(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Layer normalisation over the channels of every pixel (arXiv 1607.06450), epsilon 1e-6: (N, C, H, W) float32."""
    channels = x.shape[1]
    if device() == "CPU":
        mean = ops.full((1, channels, 1, 1), 1 / channels, dtype=ms.float32)
        centred = convolve(x, ops.eye(channels, channels, ms.float32).reshape(channels, channels, 1, 1) - mean)
        inverse = ops.rsqrt(convolve(centred * centred, mean) + 1e-6)
        scaled = centred * convolve(inverse, weight.reshape(channels, 1, 1, 1))
    else:
        centred = x - x.mean(1, keep_dims=True)
        inverse = ops.rsqrt((centred * centred).mean(1, keep_dims=True) + 1e-6)
        scaled = centred * inverse * weight.reshape(1, channels, 1, 1)
    return ops.bias_add(scaled, bias)


def spatial_mean(x: Tensor) -> Tensor:
    """Average (N, C, H, W) to (N, C)."""
    n, channels, height, width = x.shape
    # Rows first: on a CPU, means of matrices are eight times as fast as others, but inexact where rows are long.
    return x.reshape(-1, width).mean(1).reshape(-1, height).mean(1).reshape(n, channels)


def gelu(x: Tensor) -> Tensor:
    """Gaussian error linear unit (arXiv 1606.08415), exact."""
    return x * (0.5 * ops.erf(x * 0.7071067811865476) + 0.5)


def rescale(x: Tensor, scale: float) -> Tensor:
    """Resize (N, C, H, W) to (N, C, H * scale, W * scale), bilinear with half-pixel centres."""
    if scale == 1:
        return x
    height, width = x.shape[2:]
    return resize(x, (int(height * scale), int(width * scale)))


def enlarge(x: Tensor, factor: int = 2) -> Tensor:
    """Enlarge (N, C, H, W) to (N, C, factor H, factor W), bilinear with half-pixel centres."""
    height, width = x.shape[2:]
    return resize(x, (factor * height, factor * width))


def shrink(x: Tensor, factor: int) -> Tensor:
    """Shrink (N, C, H, W) to (N, C, H/factor, W/factor) by the mean of each cell."""
    return ops.AvgPool(factor, factor)(x)


def shrink_bilinear(x: Tensor, cell: int) -> Tensor:
    """Shrink (N, C, H, W) by an even factor or 1, bilinear with half-pixel centres: the mean of each cell's centre."""
    return x if cell == 1 else shrink(centres(x, cell), 2)


def centres(x: Tensor, cell: int) -> Tensor:
    """Take the 2x2 pixels in the middle of each cell: (N, C, H, W) to (N, C, 2H / cell, 2W / cell)."""
    if cell == 2:
        return x
    n, channels, height, width = x.shape
    rows, columns = height // cell, width // cell
    x = x.reshape(n * channels, rows, cell, columns, cell)
    first = cell // 2 - 1
    x = ops.slice(x, (0, 0, first, 0, first), (n * channels, rows, 2, columns, 2))
    return x.reshape(n, channels, 2 * rows, 2 * columns)


@constexpr
def centres_along(length: int, cell: int) -> Tensor:
    """Return the positions, (2 length / cell,) float32, of the pixels that ``centres`` takes along an axis."""
    cells = np.arange(0, length, cell, dtype=np.float32)
    return Tensor((cells[:, None] + np.float32([cell // 2 - 1, cell // 2])).reshape(-1))


def box_mean(x: Tensor, size: int) -> Tensor:
    """Mean of (N, C, H, W) over windows of ``size`` x ``size`` pixels, ``size`` odd, with repeated edges."""
    around = size // 2
    x = ops.cat((*(x[:, :, :1],) * around, x, *(x[:, :, -1:],) * around), 2)  # ReplicationPad2d is for GPUs only
    x = ops.cat((*(x[..., :1],) * around, x, *(x[..., -1:],) * around), 3)
    return ops.AvgPool(size, 1)(x)


def shuffle(x: Tensor) -> Tensor:
    """Pixel shuffle by 2: (N, 4C, H, W) to (N, C, 2H, 2W); channel 4c + 2i + j becomes pixel (i, j) of each block."""
    n, channels, height, width = x.shape
    x = ops.transpose(x.reshape(n, channels // 4, 2, 2, height, width), (0, 1, 4, 2, 5, 3))
    return x.reshape(n, channels // 4, 2 * height, 2 * width)

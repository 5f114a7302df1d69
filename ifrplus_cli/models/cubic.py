"""Bicubic sampling, in gathers and arithmetic: what every device computes alike, and OpenCV too."""

from __future__ import annotations

from mindspore import Tensor, ops

from ifrplus_cli.models.ops import counted, pick, pixel_places, repeated


def warp_cubic(image: Tensor, flow: Tensor) -> Tensor:
    """Backward warp: sample ``image`` at p + flow, bicubic, with repeated edges; see ``sample_cubic``."""
    right, down = ops.unstack(flow, 1)
    columns, rows = pixel_places(right)
    return sample_cubic(image, columns + right, rows + down)


def sample_cubic(image: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Sample ``image`` by cubic convolution (Keys, 1981, with a = -0.75, as OpenCV does), with repeated edges.

    Args:
        image: (N, C, H, W) float32.
        x, y: (N, h, w) float32 positions in pixels, however far outside.

    Returns:
        (N, C, h, w) float32.
    """
    n, channels, height, width = image.shape
    pixels = ops.transpose(image, (0, 2, 3, 1)).reshape(-1, channels)
    left, top = ops.floor(x), ops.floor(y)
    across, along = _weights(x - left), _weights(y - top)
    picture = counted(n).reshape(n, 1, 1) * (height * width)
    rows = ()
    for i in range(4):
        row = picture + ops.minimum(ops.maximum(top + (i - 1), 0), height - 1) * width
        taps = ()
        for j in range(4):
            column = ops.minimum(ops.maximum(left + (j - 1), 0), width - 1)
            taps += (pick(pixels, (row + column).reshape(-1)) * repeated(across[j].reshape(-1, 1), channels),)
        rows += ((taps[0] + taps[1] + taps[2] + taps[3]) * repeated(along[i].reshape(-1, 1), channels),)
    sampled = rows[0] + rows[1] + rows[2] + rows[3]
    return ops.transpose(sampled.reshape(n, *x.shape[1:], channels), (0, 3, 1, 2))


def _weights(share: Tensor) -> tuple[Tensor, ...]:
    """Weights of the four neighbours of a position that is ``share`` of a pixel behind the second one."""
    after = 1 - share
    outer, inner = _outer(share), _inner(share)
    return outer, inner, _inner(after), _outer(after)


def _inner(distance: Tensor) -> Tensor:
    return (1.25 * distance - 2.25) * distance * distance + 1


def _outer(distance: Tensor) -> Tensor:
    """Weight at 1 + ``distance``."""
    far = distance + 1
    return ((-0.75 * far + 3.75) * far - 6) * far + 3

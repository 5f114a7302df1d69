"""RIFE 4.25 (arXiv 2011.06294): the frame at any timestep between two frames, by flows that five blocks refine.

Each block sees both frames warped by the flow of the blocks before it, at a finer scale than these. Nothing is added to
the warped frames, so every detail of a made frame comes from a source frame.

Pairs are stored as batches of 2N, left and right alternating, so that (2N, C, h, w) and (N, 2C, h, w) are the same
numbers in the same order.
"""

from __future__ import annotations

import numpy as np
from mindspore import Parameter, Tensor, nn, ops

from ifrplus_cli.models.blocks import conv
from ifrplus_cli.models.ops import (
    convolve,
    enlarge,
    equal_parts,
    joined,
    leaky,
    shrink_bilinear,
    shuffle,
    split,
    warp_both,
    warp_shrunk,
)
from ifrplus_cli.models.rife_layers import CELLS, ENCODED, MADE, RESIDUAL_LAYERS, SEEN, SEEN_FIRST, WIDTHS

SLOPE = 0.2  # of every leaky ReLU


class Rife(nn.Cell):
    """Refine flows and a mask, coarse to fine, and blend the warped frames by the mask."""

    def __init__(self, flow_scale: float = 1.0) -> None:
        """Create the network with untrained weights.

        Args:
            flow_scale: size at which flows are estimated, relative to the picture: 1, 0.5, 0.25 or 0.125.
        """
        super().__init__()
        self.cell_sizes = tuple(round(cell / flow_scale) for cell in CELLS)
        self.encode = Encoder()
        self.block0 = Block(SEEN_FIRST, WIDTHS[0])
        self.block1 = Block(SEEN, WIDTHS[1])
        self.block2 = Block(SEEN, WIDTHS[2])
        self.block3 = Block(SEEN, WIDTHS[3])
        self.block4 = Block(SEEN, WIDTHS[4])

    def construct(self, left: Tensor, right: Tensor, t: Tensor) -> Tensor:
        """Make the frame at ``t``.

        Args:
            left, right: (N, 3, H, W) float32 RGB in 0..1; H and W are multiples of 64 / flow_scale.
            t: (N, 1, 1, 1) float32 in (0, 1).

        Returns:
            (N, 3, H, W) float32 in 0..1.
        """
        images = ops.stack((left, right), 1).reshape(-1, *left.shape[1:])
        return blend(images, *self.estimate(images, t))

    def estimate(self, images: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """Estimate flows and mask from images (2N, 3, H, W).

        Returns:
            (N, 4, H, W) flows to left and to right in pixels, and (N, 1, H, W) share of the left frame in 0..1.
        """
        pair = ops.cat((images, self.encode(images)), 1)
        cell = self.cell_sizes[0]
        made = self.block0(seen(shrink_bilinear(pair, cell), t))
        flow = cell * enlarge(made[:, :4], cell)
        for block, cell in (
            (self.block1, self.cell_sizes[1]),
            (self.block2, self.cell_sizes[2]),
            (self.block3, self.cell_sizes[3]),
            (self.block4, self.cell_sizes[4]),
        ):
            # What the last block made has half of this block's size.
            before = (enlarge(made[:, 4:]), shrink_bilinear(flow, cell) / cell)
            made = block(ops.cat((seen(warp_shrunk(pair, flow, cell), t), *before), 1))
            flow = flow + cell * enlarge(made[:, :4], cell)
        return flow, ops.sigmoid(enlarge(made[:, 4:5], cell))


class Encoder(nn.Cell):
    """Four channels that describe each pixel of frames: (N, 3, H, W) to (N, 4, H, W)."""

    def __init__(self) -> None:
        super().__init__()
        self.cnn0 = conv(3, 16, stride=2)
        self.cnn1 = conv(16, 16)
        self.cnn2 = conv(16, 16)
        self.cnn3 = nn.Conv2dTranspose(16, ENCODED, 4, 2, pad_mode="pad", padding=1, has_bias=True)

    def construct(self, images: Tensor) -> Tensor:
        x = leaky(self.cnn0(images), SLOPE)
        x = leaky(self.cnn1(x), SLOPE)
        return self.cnn3(leaky(self.cnn2(x), SLOPE))


class Block(nn.Cell):
    """Change of both flows, mask before its sigmoid, and hidden features: (N, inside, h, w) to (N, 13, h, w)."""

    def __init__(self, inside: int, width: int) -> None:
        super().__init__()
        self.conv0 = nn.SequentialCell(halving(inside, width // 2), halving(width // 2, width))
        self.convblock = nn.SequentialCell(*(ResidualLayer(width) for _ in range(RESIDUAL_LAYERS)))
        self.lastconv = nn.SequentialCell(
            nn.Conv2dTranspose(width, 4 * MADE, 4, 2, pad_mode="pad", padding=1, has_bias=True)
        )

    def construct(self, x: Tensor) -> Tensor:
        return shuffle(self.lastconv(self.convblock(self.conv0(x))))


class ResidualLayer(nn.Cell):
    """Convolution, scaled by a factor for each channel and added to its input: (N, C, h, w) to the same."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.beta = Parameter(np.ones((1, channels, 1, 1), np.float32))
        self.conv = conv(channels, channels)

    def construct(self, x: Tensor) -> Tensor:
        factor = self.beta.reshape(-1)  # it scales the kernel, which is smaller than the picture
        change = convolve(x, self.conv.weight * factor.reshape(-1, 1, 1, 1), padding=1)
        return leaky(x + ops.bias_add(change, self.conv.bias * factor), SLOPE)


class Leaky(nn.Cell):
    """``leaky`` as a layer."""

    def construct(self, x: Tensor) -> Tensor:
        return leaky(x, SLOPE)


def halving(inside: int, outside: int) -> nn.SequentialCell:
    """Convolution that halves the size."""
    return nn.SequentialCell(conv(inside, outside, stride=2), Leaky())


def seen(pair: Tensor, t: Tensor) -> Tensor:
    """Order what a block sees of a pair: (2N, 7, h, w) to (N, 15, h, w), frames, encoded frames and the timestep."""
    left, encoded_left, right, encoded_right = split(joined(pair), (3, ENCODED, 3, ENCODED))
    when = ops.broadcast_to(t, (left.shape[0], 1, *left.shape[2:]))
    return ops.cat((left, right, encoded_left, encoded_right, when), 1)


def blend(images: Tensor, flow: Tensor, share: Tensor) -> Tensor:
    """Warp images (2N, 3, H, W) by (N, 4, H, W) flows, and blend them by the (N, 1, H, W) share of the left frame."""
    left, right = equal_parts(joined(warp_both(images, flow)), 2)
    return right + share * (left - right)

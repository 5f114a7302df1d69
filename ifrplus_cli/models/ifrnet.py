"""The IFRNet family (arXiv 2205.14620), small, base and large: the frame at any timestep between two frames.

Pairs are stored as batches of 2N, left and right alternating, so that (2N, C, h, w) and (N, 2C, h, w) are the same
numbers in the same order: both frames are encoded together, and both are warped by one operator.
"""

from __future__ import annotations

import numpy as np
from mindspore import Parameter, Tensor, nn, ops

from ifrplus_cli.models.blocks import conv
from ifrplus_cli.models.ifrnet_family import Widths, made_by, seen_by
from ifrplus_cli.models.ops import enlarge, equal_parts, joined, prelu, rescale, split, warp_both


class IfrNet(nn.Cell):
    """Refine intermediate flows together with features, coarse to fine, and blend the warped frames."""

    def __init__(self, widths: Widths, flow_scale: float = 1.0) -> None:
        """Create the network with untrained weights.

        Args:
            widths: channels of its layers.
            flow_scale: size at which the flow is estimated, relative to the picture: 1, 0.5, 0.25 or 0.125.
        """
        super().__init__()
        self.flow_scale = flow_scale
        self.encoder = IfrNetEncoder(widths.encoder, widths.first_kernel)
        self.decoder4 = _decoder(widths, 4)
        self.decoder3 = _decoder(widths, 3)
        self.decoder2 = _decoder(widths, 2)
        self.decoder1 = _decoder(widths, 1)

    def construct(self, left: Tensor, right: Tensor, t: Tensor | None = None) -> Tensor:
        """Make the frame at ``t``.

        Args:
            left, right: (N, 3, H, W) float32 RGB in 0..1; H and W are multiples of 16 / flow_scale.
            t: (N, 1, 1, 1) float32 in (0, 1); None means half-way.

        Returns:
            (N, 3, H, W) float32 in 0..1.
        """
        n, _, height, width = left.shape
        images = ops.stack((left, right), 1)
        mean = images.reshape(-1, width).mean(1).reshape(n, -1).mean(1).reshape(n, 1, 1, 1)
        images = images.reshape(n, -1, height, width) - mean
        images = images.reshape(2 * n, 3, height, width)
        flow, mask, residual = self.estimate(images, t)
        left, right = equal_parts(joined(warp_both(images, flow)), 2)
        return ops.clamp(right + mask * (left - right) + mean + residual, 0, 1)

    def estimate(self, images: Tensor, t: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """Estimate flows coarse to fine from images (2N, 3, H, W) with a mean of 0.

        Returns:
            (N, 4, H, W) flows to left and to right in pixels, (N, 1, H, W) share of the left frame in 0..1, and the
            (N, 3, H, W) residual that is added to the blend.
        """
        features = self.encoder(rescale(images, self.flow_scale))

        pair = joined(features[3])
        if t is None:
            when = ops.full_like(pair[:, :1], 0.5)
        else:
            when = ops.broadcast_to(t, (pair.shape[0], 1, *pair.shape[2:]))
        flow, hidden = _parts(self.decoder4(ops.cat((pair, when), 1)))
        for decoder, level in ((self.decoder3, features[2]), (self.decoder2, features[1])):
            change, hidden = _parts(decoder(self.seen(hidden, level, flow)))
            flow = change + 2 * enlarge(flow)
        change, out = _parts(self.decoder1(self.seen(hidden, features[0], flow)))
        flow = change + 2 * enlarge(flow)
        mask, residual = split(out, (1, 3))

        back = 1 / self.flow_scale
        return rescale(flow, back) * back, rescale(ops.sigmoid(mask), back), rescale(residual, back)

    def seen(self, hidden: Tensor, features: Tensor, flow: Tensor) -> Tensor:
        """Assemble a decoder's input: (N, C, h, w), (2N, C, h, w) and (N, 4, h, w) to (N, 3C + 4, h, w)."""
        return ops.cat((hidden, joined(warp_both(features, flow)), flow), 1)


class IfrNetEncoder(nn.Cell):
    """Features of images (N, 3, H, W) at 1/2, 1/4, 1/8 and 1/16."""

    def __init__(self, widths: tuple[int, int, int, int], first_kernel: int) -> None:
        super().__init__()
        first, second, third, fourth = widths
        self.pyramid1 = _level(3, first, first_kernel)
        self.pyramid2 = _level(first, second)
        self.pyramid3 = _level(second, third)
        self.pyramid4 = _level(third, fourth)

    def construct(self, images: Tensor) -> tuple[Tensor, ...]:
        first = self.pyramid1(images)
        second = self.pyramid2(first)
        third = self.pyramid3(second)
        return first, second, third, self.pyramid4(third)


class IfrNetDecoder(nn.Cell):
    """Changes of both flows, and features for the next finer decoder: (N, inside, h, w) to (N, outside, 2h, 2w)."""

    def __init__(self, inside: int, width: int, outside: int, side: int) -> None:
        super().__init__()
        self.convblock = nn.SequentialCell(
            _layer(inside, width),
            ResBlock(width, side),
            nn.Conv2dTranspose(width, outside, 4, 2, pad_mode="pad", padding=1, has_bias=True),
        )

    def construct(self, x: Tensor) -> Tensor:
        return self.convblock(x)


class ResBlock(nn.Cell):
    """Residual block (figure 4 of the paper), whose last ``side`` channels are convolved once more, twice."""

    def __init__(self, channels: int, side: int) -> None:
        super().__init__()
        self.sizes = (channels - side, side)
        self.conv1 = _layer(channels, channels)
        self.conv2 = _layer(side, side)
        self.conv3 = _layer(channels, channels)
        self.conv4 = _layer(side, side)
        self.conv5 = conv(channels, channels)
        self.prelu = PReLU(channels)

    def construct(self, x: Tensor) -> Tensor:
        main, side = split(self.conv1(x), self.sizes)
        main, side = split(self.conv3(ops.cat((main, self.conv2(side)), 1)), self.sizes)
        return self.prelu(x + self.conv5(ops.cat((main, self.conv4(side)), 1)))


class PReLU(nn.Cell):
    """Leaky ReLU with a learned slope for each channel, of any sign."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = Parameter(np.full(channels, 0.25, np.float32))

    def construct(self, x: Tensor) -> Tensor:
        return prelu(x, self.weight)


def _decoder(widths: Widths, number: int) -> IfrNetDecoder:
    return IfrNetDecoder(seen_by(widths, number), widths.decoders[4 - number], made_by(widths, number), widths.side)


def _layer(inside: int, outside: int, size: int = 3, stride: int = 1) -> nn.SequentialCell:
    return nn.SequentialCell(conv(inside, outside, size, stride), PReLU(outside))


def _level(inside: int, outside: int, first_kernel: int = 3) -> nn.SequentialCell:
    """One level of the encoder, which halves the size."""
    return nn.SequentialCell(_layer(inside, outside, first_kernel, stride=2), _layer(outside, outside))


def _parts(x: Tensor) -> tuple[Tensor, Tensor]:
    """Split off the four channels of flow; return them and the others."""
    return split(x, (4, x.shape[1] - 4))

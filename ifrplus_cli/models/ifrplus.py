"""The IFR+ network: the frame half-way between two frames.

IFRNet (arXiv 2205.14620) with a ConvNeXt V2 encoder, five flows a direction that are fused, and a refiner that samples
both frames' features by flow-guided deformable convolutions.
"""

from __future__ import annotations

import mindspore as ms
import numpy as np
from mindspore import Parameter, Tensor, nn, ops
from mindspore.common.initializer import HeUniform, initializer

from ifrplus_cli.models.blocks import (
    Adapter,
    Encoder,
    GridNet,
    PReLU,
    RefinerEncoder,
    ResBlock,
    conv,
    deform,
    tap_filters,
)
from ifrplus_cli.models.ops import enlarge, resize, scale_channels, warp

MEAN = (0.485, 0.456, 0.406)
DEVIATION = (0.229, 0.224, 0.225)
FLOWS = 5  # of each direction, fused at full resolution
WIDTHS = (64, 96, 144, 192)  # of the features at 1/2 to 1/16
REFINER_WIDTHS = (24, 48, 96)  # at 1/1 to 1/4
GROUPS = 8  # of the refiner's deformable convolutions


class IfrPlus(nn.Cell):
    """The network as a user sees it."""

    def __init__(self, flow_scale: float = 1.0, refiner_scale: float = 1.0, dtype: ms.Type = ms.float32) -> None:
        """Make the network with fresh weights.

        Args:
            flow_scale: at which the flow is estimated; 1, 0.5, 0.25 or 0.125.
            refiner_scale: at which the refiner works; 1 or 0.5.
            dtype: of the convolutions; float32 or float16. Parameters, statistics, flows and positions are float32.
        """
        super().__init__()
        self.generator = Generator(flow_scale, refiner_scale)
        if dtype == ms.float16:
            for _, cell in self.cells_and_names():
                if isinstance(cell, nn.Conv2d | nn.Conv2dTranspose):
                    cell.to_float(ms.float16)

    def construct(self, left: Tensor, right: Tensor) -> Tensor:
        """(N, 3, H, W) float32 RGB in 0..1 twice to the frame half-way, the same."""
        return ops.clamp(self.generator(left, right)[0], 0, 1)


class Generator(nn.Cell):
    """All of the network but the clipping."""

    def __init__(self, flow_scale: float, refiner_scale: float) -> None:
        super().__init__()
        self.flow_scale = flow_scale
        self.refiner_scale = refiner_scale
        self.encoder = Encoder()
        self.adapter = Adapter((48, 96, 192, 384), WIDTHS)
        self.decoder4 = Decoder(2 * 192 + 1, 384, 4 + 144)
        self.decoder3 = Decoder(3 * 144, 432, 4 + 6 + 96)
        self.decoder2 = Decoder(3 * 96, 288, 4 + 6 + 64)
        self.decoder1 = Decoder(3 * 64, 192, FLOWS * (4 + 6 + 1 + 3))
        self.comb_block = nn.SequentialCell(conv(3 * FLOWS, 30, 7), PReLU(30), conv(30, 3, 7))
        self.refiner_encoder = RefinerEncoder()
        self.refine_adapter = Adapter(REFINER_WIDTHS, REFINER_WIDTHS)
        self.refiner = Refiner()

    def construct(self, left: Tensor, right: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Makes the frame half-way and the flows to both frames.

        Args:
            left, right: (N, 3, H, W) float32 RGB in 0..1; H and W are multiples of 16 / flow_scale and
                4 / refiner_scale.

        Returns:
            (N, 3, H, W) float32, not clipped, and four flows (N, 4, h, w), finest first: x and y to left, then to right,
            in pixels of their own size. That is H x W for the first, and with flow_scale 1/2, 1/4 and 1/8 of it for
            the others.
        """
        images = ops.stack((left, right), 1).reshape(-1, *left.shape[1:])
        images = normalise(images)
        flows, mask, residual, coarser = self.estimate(images)
        fused = self.fuse(images, flows, mask, residual)
        n, _, height, width = left.shape
        flow = flows.reshape(n, 2, FLOWS, 2, height, width).mean(2).reshape(n, 4, height, width)
        made = fused + self.correction(images, fused, flow)
        return denormalise(made), (flow, *coarser)

    def estimate(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor, tuple[Tensor, ...]]:
        """Flows, coarse to fine.

        Args:
            images: (2N, 3, H, W), normalised, the two of a pair one after the other.

        Returns:
            At full size flows (N, 2 * FLOWS * 2, H, W), mask (N, FLOWS, H, W) and residual (N, FLOWS * 3, H, W); then
            the three coarser flows (N, 4, h, w).
        """
        features = self.adapter(self.encoder(rescale(images, self.flow_scale)))

        pair = joined(features[3])
        middle = ops.full_like(pair[:, :1], 0.5)
        flow4, hidden = ops.split(self.decoder4(ops.cat((pair, middle), 1)), (4, 144), 1)
        flow4 = flow4.astype(ms.float32)

        out = self.decoder3(ops.cat((hidden, joined(warp_both(features[2], flow4))), 1))
        change, up, hidden = ops.split(out, (4, 6, 96), 1)
        flow3 = next_flow(flow4, change, up)

        out = self.decoder2(ops.cat((hidden, joined(warp_both(features[1], flow3))), 1))
        change, up, hidden = ops.split(out, (4, 6, 64), 1)
        flow2 = next_flow(flow3, change, up)

        out = self.decoder1(ops.cat((hidden, joined(warp_both(features[0], flow2))), 1))
        change, up, mask, residual = ops.split(out, (FLOWS * 4, FLOWS * 6, FLOWS, FLOWS * 3), 1)
        flow1 = rescale(next_flow(flow2, change, up), 1 / self.flow_scale) / self.flow_scale
        mask = rescale(mask.astype(ms.float32), 1 / self.flow_scale)
        residual = rescale(residual.astype(ms.float32), 1 / self.flow_scale)
        return flow1, mask, residual, (flow2, flow3, flow4)

    def fuse(self, images: Tensor, flows: Tensor, mask: Tensor, residual: Tensor) -> Tensor:
        """Blends the frames as warped by each of the flows, then the blends: (N, 3, H, W)."""
        n, _, height, width = residual.shape
        copies = ops.repeat_interleave(images, FLOWS, 0)
        warped = warp_both(copies, flows).reshape(n, 2, FLOWS * 3, height, width)
        left, right = ops.unstack(warped, 1)
        share = ops.repeat_interleave(ops.sigmoid(mask), 3, 1)
        blends = right + share * (left - right) + residual
        mean = blends.reshape(n, FLOWS, 3, height, width).mean(1)
        return mean + self.comb_block(blends).astype(ms.float32)

    def correction(self, images: Tensor, fused: Tensor, flow: Tensor) -> Tensor:
        """What the refiner adds to the fused frame: (N, 3, H, W) float32."""
        scale = self.refiner_scale
        n, _, height, width = fused.shape
        left, right = ops.unstack(images.reshape(n, 2, 3, height, width), 1)
        lefts, rights, targets = self.pyramid(left), self.pyramid(right), self.pyramid(fused)
        change = self.refiner(lefts, rights, targets, rescale(flow, scale) * scale)
        return rescale(change.astype(ms.float32), 1 / scale)

    def pyramid(self, image: Tensor) -> tuple[Tensor, ...]:
        """Features of (N, 3, H, W) for the refiner: of one image at a time, as they are large."""
        return self.refine_adapter(self.refiner_encoder(rescale(image, self.refiner_scale)))


class Decoder(nn.Cell):
    """Estimates flows, masks and hidden features: (N, inside, h, w) to (N, outside, 2h, 2w)."""

    def __init__(self, inside: int, width: int, outside: int) -> None:
        super().__init__()
        first = nn.SequentialCell(conv(inside, width), PReLU(width))
        self.convblock = nn.SequentialCell(first, ResBlock(width))
        self.upsample = nn.Conv2dTranspose(width, outside, 4, 2, pad_mode="pad", padding=1, has_bias=True)

    def construct(self, x: Tensor) -> Tensor:
        return self.upsample(self.convblock(x))


class Refiner(nn.Cell):
    """Samples the features of both frames by guided deformable convolutions and fuses them with the made frame's."""

    def __init__(self) -> None:
        super().__init__()
        self.fgdcl_0_1 = GuidedConv(24, 24 + 48)
        self.fgdcl_1_1 = GuidedConv(24, 24 + 48)
        self.fgdcl_0_2 = GuidedConv(48, 48 + 96)
        self.fgdcl_1_2 = GuidedConv(48, 48 + 96)
        self.fgdcl_0_3 = GuidedConv(96, 96)
        self.fgdcl_1_3 = GuidedConv(96, 96)
        self.mfsn = GridNet((3 * 24, 3 * 48, 3 * 96))

    def construct(
        self, lefts: tuple[Tensor, ...], rights: tuple[Tensor, ...], targets: tuple[Tensor, ...], flow: Tensor
    ) -> Tensor:
        """Fuses three pyramids of features.

        Args:
            lefts, rights, targets: of both frames and the made one (N, 24, H, W), (N, 48, H/2, W/2), (N, 96, H/4, W/4).
            flow: (N, 4, H, W) float32.

        Returns:
            (N, 3, H, W), of the type of the features.
        """
        flow3, flow2 = resize(flow, 0.25) * 0.25, resize(flow, 0.5) * 0.5
        left, right, guides = sampled(self.fgdcl_0_3, self.fgdcl_1_3, lefts[2], rights[2], flow3, None)
        third = ops.cat((left, right, targets[2]), 1)
        left, right, guides = sampled(self.fgdcl_0_2, self.fgdcl_1_2, lefts[1], rights[1], flow2, guides)
        second = ops.cat((left, right, targets[1]), 1)
        left, right, _ = sampled(self.fgdcl_0_1, self.fgdcl_1_1, lefts[0], rights[0], flow, guides)
        first = ops.cat((left, right, targets[0]), 1)
        return self.mfsn(first, second, third)


def sampled(to_left, to_right, left, right, flow, guides):
    flow0, flow1 = ops.split(flow, 2, 1)
    warped0, warped1 = warp(left, flow0), warp(right, flow1)
    g0, g1 = (None, None) if guides is None else guides
    out0, guide0 = to_left(left, warped0, warped1, flow0, g0)
    out1, guide1 = to_right(right, warped1, warped0, flow1, g1)
    return out0, out1, (guide0, guide1)


class GuidedConv(nn.Cell):
    """Flow-guided deformable convolution of one frame's features at one level."""

    def __init__(self, channels: int, merged: int) -> None:
        super().__init__()
        self.weight = Parameter(initializer(HeUniform(), (channels, channels, 3, 3)))
        self.bias = Parameter(np.zeros(channels, np.float32))
        self.conv1 = nn.SequentialCell(conv(2 * channels, channels), nn.ReLU(), conv(channels, channels), nn.ReLU())
        self.conv2 = nn.SequentialCell(conv(merged, channels), nn.ReLU(), conv(channels, channels), nn.ReLU())
        self.conv_offset = nn.SequentialCell(conv(channels, GROUPS * 18))
        self.conv_mask = nn.SequentialCell(conv(channels, GROUPS * 9), nn.Sigmoid())

    def construct(self, own: Tensor, warped: Tensor, other: Tensor, flow: Tensor, coarser=None) -> Tensor:
        guide = self.conv1(ops.cat((warped, other), 1))
        if coarser is not None:
            guide = ops.cat((guide, resize(coarser, 2)), 1)
        guide = self.conv2(guide)
        offset, mask = self.conv_offset[0], self.conv_mask[0]
        filters = tap_filters(offset.weight, mask.weight, GROUPS)
        biases = tap_filters(offset.bias, mask.bias, GROUPS)
        return warped + deform(own, guide, flow, filters, biases, self.weight, self.bias), guide


def normalise(images: Tensor) -> Tensor:
    """(N, 3, H, W) RGB in 0..1 to mean 0 and deviation 1 over ImageNet."""
    factor = Tensor([[1 / deviation for deviation in DEVIATION]], ms.float32)
    shift = Tensor([-mean / deviation for mean, deviation in zip(MEAN, DEVIATION)], ms.float32)
    return ops.bias_add(scale_channels(images, factor), shift)


def denormalise(images: Tensor) -> Tensor:
    """Inverse of ``normalise``."""
    return ops.bias_add(scale_channels(images, Tensor([DEVIATION], ms.float32)), Tensor(MEAN, ms.float32))


def rescale(x: Tensor, scale: float) -> Tensor:
    """``resize`` unless the size stays."""
    return x if scale == 1 else resize(x, scale)


def joined(x: Tensor) -> Tensor:
    """(2N, C, h, w), the two of a pair one after the other, to (N, 2C, h, w)."""
    n, c, height, width = x.shape
    return x.reshape(n // 2, 2 * c, height, width)


def warp_both(x: Tensor, flows: Tensor) -> Tensor:
    """Warps (N * k, C, h, w) by the k flows that (N, k * 2, h, w) holds."""
    height, width = x.shape[2:]
    return warp(x, flows.reshape(-1, 2, height, width))


def next_flow(flow: Tensor, change: Tensor, up: Tensor) -> Tensor:
    """Flow up-sampling.

    Args:
        flow: (N, 4, h, w) float32.
        change: (N, 2 * k * 2, 2h, 2w), the flows to the left frame, then the right.
        up: (N, 2 * k * 3, 2h, 2w)

    Returns:
        (N, 2 * k * 2, 2h, 2w) float32.
    """
    n, count, height, width = change.shape
    k = count // 4
    inner, gate = ops.split(up.astype(ms.float32).reshape(2 * n, 3 * k, height, width), (2 * k, k), 1)
    gate = ops.repeat_interleave(ops.sigmoid(gate), 2, 1).reshape(change.shape)
    start = ops.repeat_interleave(2 * enlarge(flow).reshape(2 * n, 2, height, width), k, 0)
    moved = warp(start, inner.reshape(-1, 2, height, width)).reshape(change.shape)
    start = start.reshape(change.shape)
    return change.astype(ms.float32) + moved + gate * (start - moved)

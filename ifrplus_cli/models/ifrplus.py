"""The IFR+ network: the frame half-way between two frames.

IFRNet (arXiv 2205.14620) with a ConvNeXt V2 encoder, five flows to each frame instead of one, and a refiner that
samples features of both frames by flow-guided deformable convolutions. Pairs are stored as batches of 2N, left and
right alternating, so that (2N, C, h, w) and (N, 2C, h, w) are the same numbers in the same order.
"""

from __future__ import annotations

import mindspore as ms
import numpy as np
from mindspore import Parameter, Tensor, nn, ops
from mindspore.common.initializer import HeUniform, initializer

from ifrplus_cli.models.blocks import (
    Adapter,
    AttentionResBlock,
    ClampedPReLU,
    ConvNeXtEncoder,
    GridNet,
    RefinerEncoder,
    conv,
    deform,
    tap_filters,
)
from ifrplus_cli.models.ops import enlarge, equal_parts, joined, rescale, scale_channels, split, warp, warp_both

MEAN = (0.485, 0.456, 0.406)  # of ImageNet; red, green, blue
DEVIATION = (0.229, 0.224, 0.225)
GAIN = tuple(1 / deviation for deviation in DEVIATION)
SHIFT = tuple(-mean / deviation for mean, deviation in zip(MEAN, DEVIATION, strict=True))
FLOWS = 5  # flows to each frame, at full size
WIDTHS = (64, 96, 144, 192)  # channels of the features at 1/2, 1/4, 1/8 and 1/16
REFINER_WIDTHS = (24, 48, 96)  # channels of the refiner's features at 1/1, 1/2 and 1/4
GROUPS = 8  # channel groups in the refiner's deformable convolutions


class IfrPlus(nn.Cell):
    """The network for inference; training uses its ``generator``.

    The published checkpoint has that word in the names of all parameters.
    """

    def __init__(self, flow_scale: float = 1.0, refiner_scale: float = 1.0, dtype: ms.Type = ms.float32) -> None:
        """Create the network with untrained weights.

        Args:
            flow_scale: size at which the flow is estimated, relative to the picture: 1, 0.5, 0.25 or 0.125.
            refiner_scale: size at which the refiner works: 1 or 0.5.
            dtype: type of the convolutions and their inputs, float32 or float16. Statistics, flows, positions and the
                stored parameters are float32.
        """
        super().__init__()
        self.generator = Generator(flow_scale, refiner_scale)
        if dtype == ms.float16:
            for _, cell in self.cells_and_names():
                if isinstance(cell, nn.Conv2d | nn.Conv2dTranspose):
                    cell.to_float(dtype)

    def construct(self, left: Tensor, right: Tensor) -> Tensor:
        """Make the frame half-way from two frames; all are (N, 3, H, W) float32 RGB in 0..1."""
        return ops.clamp(self.generator(left, right)[0], 0, 1)


class Generator(nn.Cell):
    """The network whose results are not clipped: a frame, and its flows."""

    def __init__(self, flow_scale: float, refiner_scale: float) -> None:
        super().__init__()
        self.flow_scale = flow_scale
        self.refiner_scale = refiner_scale
        self.encoder = ConvNeXtEncoder()
        self.adapter = Adapter((48, 96, 192, 384), WIDTHS)
        self.decoder4 = IfrPlusDecoder(2 * 192 + 1, 384, 4 + 144)
        self.decoder3 = IfrPlusDecoder(3 * 144, 432, 4 + 6 + 96)
        self.decoder2 = IfrPlusDecoder(3 * 96, 288, 4 + 6 + 64)
        self.decoder1 = IfrPlusDecoder(3 * 64, 192, FLOWS * (4 + 6 + 1 + 3))
        self.comb_block = nn.SequentialCell(conv(3 * FLOWS, 30, 7), ClampedPReLU(30), conv(30, 3, 7))
        self.refiner_encoder = RefinerEncoder()
        self.refine_adapter = Adapter(REFINER_WIDTHS, REFINER_WIDTHS)
        self.refiner = Refiner()

    def construct(self, left: Tensor, right: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Make the frame half-way, and return it with its flows to both frames.

        Args:
            left, right: (N, 3, H, W) float32 RGB in 0..1; H and W are multiples of 16 / flow_scale and of
                4 / refiner_scale.

        Returns:
            (N, 3, H, W) float32, nominally 0..1, and four flows (N, 4, h, w) float32, finest first: x and y to left,
            then to right, in pixels of their own size. That is H x W for the first, the mean of five, and 1/2, 1/4
            and 1/8 of flow_scale times H x W for the others.
        """
        n, _, height, width = left.shape
        images = normalise(ops.stack((left, right), 1).reshape(2 * n, 3, height, width))
        flows, mask, residual, coarser = self.estimate(images)
        fused = self.fuse(images, flows, mask, residual)
        flow = flows.reshape(2 * n, FLOWS, 2, height, width).mean(1).reshape(n, 4, height, width)
        made = fused + self.correct(images, fused, flow)
        return denormalise(made), (flow, *coarser)

    def estimate(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor, tuple[Tensor, ...]]:
        """Estimate flows coarse to fine from normalised images (2N, 3, H, W).

        Returns:
            Flows (N, 2 * FLOWS * 2, H, W), mask (N, FLOWS, H, W) and residual (N, FLOWS * 3, H, W), then the three
            coarser flows (N, 4, h, w); all float32.
        """
        features = self.adapter(self.encoder(rescale(images, self.flow_scale)))

        pair = joined(features[3])
        middle = ops.full_like(pair[:, :1], 0.5)
        flow4, hidden = split(self.decoder4(ops.cat((pair, middle), 1)), (4, 144))
        flow4 = ops.cast(flow4, ms.float32)

        out = self.decoder3(ops.cat((hidden, joined(warp_both(features[2], flow4))), 1))
        change, up, hidden = split(out, (4, 6, 96))
        flow3 = finer_flow(flow4, change, up)

        out = self.decoder2(ops.cat((hidden, joined(warp_both(features[1], flow3))), 1))
        change, up, hidden = split(out, (4, 6, 64))
        flow2 = finer_flow(flow3, change, up)

        out = self.decoder1(ops.cat((hidden, joined(warp_both(features[0], flow2))), 1))
        change, up, mask, residual = split(out, (FLOWS * 4, FLOWS * 6, FLOWS, FLOWS * 3))
        flows = rescale(finer_flow(flow2, change, up), 1 / self.flow_scale) / self.flow_scale
        mask = rescale(ops.cast(mask, ms.float32), 1 / self.flow_scale)
        residual = rescale(ops.cast(residual, ms.float32), 1 / self.flow_scale)
        return flows, mask, residual, (flow2, flow3, flow4)

    def fuse(self, images: Tensor, flows: Tensor, mask: Tensor, residual: Tensor) -> Tensor:
        """Blend the images warped by each pair of flows, then blend the results: (N, 3, H, W) float32."""
        n, _, height, width = residual.shape
        warped = warp_both(ops.repeat_interleave(images, FLOWS, 0), flows)
        left, right = ops.unstack(warped.reshape(n, 2, FLOWS * 3, height, width), 1)
        share = ops.repeat_interleave(ops.sigmoid(mask), 3, 1)
        blends = right + share * (left - right) + residual
        mean = blends.reshape(n, FLOWS, 3, height, width).mean(1)
        return mean + ops.cast(self.comb_block(blends), ms.float32)

    def correct(self, images: Tensor, fused: Tensor, flow: Tensor) -> Tensor:
        """Compute what the refiner adds to the fused frame: (N, 3, H, W) float32."""
        n, _, height, width = fused.shape
        left, right = ops.unstack(images.reshape(n, 2, 3, height, width), 1)
        # One image after the other: their features are the largest tensors of the network.
        targets = self.pyramid(fused)
        lefts = self.pyramid(ops.depend(left, targets[-1]))
        rights = self.pyramid(ops.depend(right, lefts[-1]))
        change = self.refiner(lefts, rights, targets, rescale(flow, self.refiner_scale) * self.refiner_scale)
        return rescale(ops.cast(change, ms.float32), 1 / self.refiner_scale)

    def pyramid(self, image: Tensor) -> tuple[Tensor, ...]:
        """Compute the refiner's features of an image (N, 3, H, W)."""
        return self.refine_adapter(self.refiner_encoder(rescale(image, self.refiner_scale)))


class IfrPlusDecoder(nn.Cell):
    """Estimates flows, masks and hidden features: (N, inside, h, w) to (N, outside, 2h, 2w)."""

    def __init__(self, inside: int, width: int, outside: int) -> None:
        super().__init__()
        first = nn.SequentialCell(conv(inside, width), ClampedPReLU(width))
        self.convblock = nn.SequentialCell(first, AttentionResBlock(width))
        self.upsample = nn.Conv2dTranspose(width, outside, 4, 2, pad_mode="pad", padding=1, has_bias=True)

    def construct(self, x: Tensor) -> Tensor:
        return self.upsample(self.convblock(x))


class Refiner(nn.Cell):
    """Sample the features of both frames, guided by the flow, and fuse them with those of the made frame."""

    def __init__(self) -> None:
        super().__init__()
        self.fgdcl_0_1 = GuidedConv(24, coarser=48)
        self.fgdcl_1_1 = GuidedConv(24, coarser=48)
        self.fgdcl_0_2 = GuidedConv(48, coarser=96)
        self.fgdcl_1_2 = GuidedConv(48, coarser=96)
        self.fgdcl_0_3 = GuidedConv(96, coarser=0)
        self.fgdcl_1_3 = GuidedConv(96, coarser=0)
        self.mfsn = GridNet((3 * 24, 3 * 48, 3 * 96))

    def construct(
        self, lefts: tuple[Tensor, ...], rights: tuple[Tensor, ...], targets: tuple[Tensor, ...], flow: Tensor
    ) -> Tensor:
        """Fuse three pyramids.

        Args:
            lefts, rights, targets: features of the two frames and of the made frame, (N, 24, H, W),
                (N, 48, H/2, W/2) and (N, 96, H/4, W/4) each.
            flow: (N, 4, H, W) float32.

        Returns:
            (N, 3, H, W), of the type of the features.
        """
        half, quarter = rescale(flow, 0.5) * 0.5, rescale(flow, 0.25) * 0.25
        left, right, guides = self.guided(self.fgdcl_0_3, self.fgdcl_1_3, lefts[2], rights[2], quarter, (None, None))
        third = ops.cat((left, right, targets[2]), 1)
        left, right, guides = self.guided(self.fgdcl_0_2, self.fgdcl_1_2, lefts[1], rights[1], half, guides)
        second = ops.cat((left, right, targets[1]), 1)
        left, right, _ = self.guided(self.fgdcl_0_1, self.fgdcl_1_1, lefts[0], rights[0], flow, guides)
        first = ops.cat((left, right, targets[0]), 1)
        return self.mfsn(first, second, third)

    def guided(
        self, to_left: nn.Cell, to_right: nn.Cell, left: Tensor, right: Tensor, flow: Tensor, guides: tuple
    ) -> tuple[Tensor, Tensor, tuple[Tensor, Tensor]]:
        """Sample both frames' features (N, C, h, w) of one level along the flow; return them and the next guides."""
        left_flow, right_flow = equal_parts(flow, 2)
        warped_left, warped_right = warp(left, left_flow), warp(right, right_flow)
        new_left, left_guide = to_left(left, warped_left, warped_right, left_flow, guides[0])
        # One after the other, to save memory.
        warped_right = ops.depend(warped_right, new_left)
        new_right, right_guide = to_right(right, warped_right, warped_left, right_flow, guides[1])
        return new_left, new_right, (left_guide, right_guide)


class GuidedConv(nn.Cell):
    """Flow-guided deformable 3x3 convolution of one frame's features, added to the same features warped by it.

    Its offsets are the flow and a change to it, predicted from the warped features of both frames.
    """

    def __init__(self, channels: int, coarser: int) -> None:
        super().__init__()
        self.weight = Parameter(initializer(HeUniform(), (channels, channels, 3, 3)))
        self.bias = Parameter(np.zeros(channels, np.float32))
        self.conv1 = nn.SequentialCell(conv(2 * channels, channels), nn.ReLU(), conv(channels, channels), nn.ReLU())
        self.conv2 = nn.SequentialCell(
            conv(channels + coarser, channels), nn.ReLU(), conv(channels, channels), nn.ReLU()
        )
        self.conv_offset = nn.SequentialCell(conv(channels, GROUPS * 18))
        self.conv_mask = nn.SequentialCell(conv(channels, GROUPS * 9), nn.Sigmoid())

    def construct(
        self, own: Tensor, warped: Tensor, other: Tensor, flow: Tensor, coarser: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Sample the frame's own features.

        Args:
            own, warped, other: (N, C, h, w): the frame's features, the same warped, and the other frame's warped.
            flow: (N, 2, h, w) float32 to the frame.
            coarser: (N, 2C, h/2, w/2), the guide of the next coarser level; None at the coarsest.

        Returns:
            (N, C, h, w), and the guide (N, C, h, w).
        """
        guide = self.conv1(ops.cat((warped, other), 1))
        if coarser is not None:
            guide = ops.cat((guide, enlarge(coarser)), 1)
        guide = self.conv2(guide)
        offset, mask = self.conv_offset[0], self.conv_mask[0]
        kernels = tap_filters(offset.weight, mask.weight, GROUPS)
        biases = tap_filters(offset.bias, mask.bias, GROUPS)
        return warped + deform(own, guide, flow, kernels, biases, self.weight, self.bias), guide


def normalise(images: Tensor) -> Tensor:
    """Normalise (N, 3, H, W) RGB in 0..1 to mean 0 and standard deviation 1 over ImageNet."""
    return ops.bias_add(scale_channels(images, Tensor([GAIN], ms.float32)), Tensor(SHIFT, ms.float32))


def denormalise(images: Tensor) -> Tensor:
    """Invert ``normalise``."""
    return ops.bias_add(scale_channels(images, Tensor([DEVIATION], ms.float32)), Tensor(MEAN, ms.float32))


def finer_flow(flow: Tensor, change: Tensor, up: Tensor) -> Tensor:
    """Upsample a flow with learned weights, and add a change to it.

    Where its gate allows, a pixel takes the flow not from its own position but from where an inner flow leads.

    Args:
        flow: (N, 4, h, w) float32.
        change: (N, 2 * K * 2, 2h, 2w), K flows to the left frame, then K to the right one.
        up: (N, 2 * K * 3, 2h, 2w), for the left frame K inner flows, then K gates, and the same for the right one.

    Returns:
        (N, 2 * K * 2, 2h, 2w) float32.
    """
    n, channels, height, width = change.shape
    count = channels // 4
    inner, gate = split(ops.cast(up, ms.float32).reshape(2 * n, 3 * count, height, width), (2 * count, count))
    gate = ops.repeat_interleave(ops.sigmoid(gate), 2, 1).reshape(change.shape)
    start = ops.repeat_interleave(2 * enlarge(flow).reshape(2 * n, 2, height, width), count, 0)
    moved = warp_both(start, inner).reshape(change.shape)
    return ops.cast(change, ms.float32) + moved + gate * (start.reshape(change.shape) - moved)

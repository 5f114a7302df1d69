"""The lite network: refines the classical flow of a pair coarse to fine, and blends the two warped frames.

The idea is that of IFR+ and IFRNet (intermediate flows refined together with features, from coarse to fine) with one
change: the flows don't start at zero but at those of ``flow.py``, so that the network only learns what classical
matching gets wrong. The last layer of each head starts at zero: before training, the network returns the blend of the
two warped frames, moved towards the unwarped frames where these agree.
"""

from __future__ import annotations

import mindspore as ms
from mindspore import Tensor, nn, ops
from mindspore.common.initializer import HeUniform

from ifrplus_cli.models.ops import enlarge, equal_parts, leaky, matching_cost, shrink, shuffle, split, unshuffle, warp

RADIUS = 3  # search radius of the matching cost, in cells of 32 pixels
SIGNATURE = 24  # channels that are compared for the matching cost
# Channels of the stages at 1/2, 1/4, 1/8, 1/16, 1/32 and 1/64 of the size, and of patches of 4 x 4 pixels.
HALF, QUARTER, EIGHTH, FINE, COARSE, CONTEXT = 32, 48, 96, 64, 96, 144
PATCH = 40
HIDDEN_HALF, HIDDEN_FINE = 16, 32  # channels that a stage receives from the next coarser one
FLOW_UNIT = 32  # pixels of flow that the layers see as 1
DIFFERENCE_SCALE = 4  # factor on the difference of the two warped frames, as the layers see it
SHARPNESS = 200  # how fast a difference between the unwarped frames rules out that a pixel stays


def conv(inside: int, outside: int, size: int = 3, stride: int = 1, zero: bool = False) -> nn.Conv2d:
    """Convolution with bias that keeps the size (divided by ``stride``); ``zero`` initialises it with zeros.

    If ``size`` equals ``stride``, it sees patches that do not overlap.
    """
    padding = 0 if size == stride else size // 2
    weight = "zeros" if zero else HeUniform(negative_slope=0.1)
    return nn.Conv2d(
        inside, outside, size, stride, pad_mode="pad", padding=padding, has_bias=True,
        weight_init=weight, bias_init="zeros",
    )  # fmt: skip


class Lite(nn.Cell):
    """Make the frame at any timestep between two frames, from the frames and their classical flow."""

    def __init__(self) -> None:
        super().__init__()
        self.encode_first = conv(3, 16, stride=2)
        self.encode_fine = conv(16, 32, stride=2)
        self.encode_fine_more = conv(32, 32)
        self.encode_coarse = conv(32, 64, stride=2)
        self.encode_coarse_more = conv(64, 64)

        self.signature = conv(64, SIGNATURE, size=1)
        self.match = conv(2 * 64 + (2 * RADIUS + 1) ** 2 + 4 + 1, COARSE)
        self.context_down = conv(COARSE, CONTEXT, stride=2)
        self.context_one = conv(CONTEXT, CONTEXT)
        self.context_two = conv(CONTEXT, CONTEXT)
        self.context_up = conv(CONTEXT, COARSE)
        self.coarse = conv(COARSE, COARSE)
        self.coarse_flow = conv(COARSE, 4 * 4, zero=True)
        self.coarse_hidden = conv(COARSE, 4 * HIDDEN_FINE, size=1)

        self.fine_in = conv(2 * 32 + HIDDEN_FINE + 4 + 1, FINE)
        self.fine_one = conv(FINE, FINE)
        self.fine_two = conv(FINE, FINE)
        self.fine_flow = conv(FINE, 4 * 4, zero=True)
        self.fine_hidden = conv(FINE, 4 * HIDDEN_HALF, size=1)

        self.quarter_patch = conv(4 * 3, PATCH, size=4, stride=4)
        self.quarter_in = conv(PATCH + HIDDEN_HALF, QUARTER)
        self.quarter_one = conv(QUARTER, QUARTER)
        self.eighth_down = conv(QUARTER, EIGHTH, stride=2)
        self.eighth_one = conv(EIGHTH, EIGHTH)
        self.eighth_two = conv(EIGHTH, EIGHTH)
        self.eighth_up = conv(EIGHTH, 4 * QUARTER, size=1, zero=True)
        self.quarter_two = conv(QUARTER, QUARTER)
        self.quarter_hidden = conv(QUARTER, 4 * HIDDEN_HALF, size=1, zero=True)

        self.half_in = conv(2 * 3 * 4 + HIDDEN_HALF, HALF)
        self.half_one = conv(HALF, HALF)
        self.half_out = conv(HALF, 4 * 4, zero=True)
        self.half_stay = conv(HALF + 1, 1, size=1, zero=True)

    def construct(self, left: Tensor, right: Tensor, prior: Tensor, t: Tensor) -> Tensor:
        """Make the frame at ``t``.

        Args:
            left, right: (N, 3, H, W) float32 RGB, nominally 0..1; H and W are multiples of 32.
            prior: (N, 4, H/4, W/4) float32, flows from ``t`` to left and to right in full-resolution pixels.
            t: (N, 1, 1, 1) float32 in (0, 1).

        Returns:
            (N, 3, H, W) float32, not clipped.
        """
        return self.with_flows(left, right, prior, t)[0]

    def with_flows(self, left: Tensor, right: Tensor, prior: Tensor, t: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Return the frame and its (N, 4, h, w) flows in full-resolution pixels: h = H/4, then H/16."""
        images = ops.cat((left, right))
        fine, coarse = self.encode(shrink(images, 4))
        change, hidden = self.refine_coarse(coarse, shrink(prior, 8), t)
        rough = shrink(prior, 4) + change
        change, hidden = self.refine_fine(fine, rough, change, hidden, t)
        flow = prior + enlarge(change)
        return self.merge(images, flow, enlarge(hidden), t), (flow, rough)

    def encode(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Features (2N, 32, H/16, W/16) and (2N, 64, H/32, W/32) of the (2N, 3, H/4, W/4) left, then right frames."""
        fine = leaky(self.encode_fine(leaky(self.encode_first(images - 0.5))))
        fine = leaky(self.encode_fine_more(fine))
        return fine, leaky(self.encode_coarse_more(leaky(self.encode_coarse(fine))))

    def refine_coarse(self, features: Tensor, flow: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """Correct the prior by matching and context at 1/32 and 1/64 of the size.

        Returns:
            (N, 4, H/16, W/16) change of the flows in pixels, and (N, 32, H/16, W/16) hidden features.
        """
        warped = warp(features, both_sides(flow / 32))
        cost = matching_cost(*halves(self.signature(warped)), RADIUS)
        x = leaky(self.match(ops.cat((*halves(warped), cost, flow / FLOW_UNIT, plane(t, flow)), 1)))
        deep = leaky(self.context_one(leaky(self.context_down(x))))
        deep = leaky(self.context_two(deep))
        x = x + leaky(self.context_up(enlarge(deep)[:, :, : x.shape[2], : x.shape[3]]))  # sides may be odd here
        x = leaky(self.coarse(x))
        return 32 * shuffle(self.coarse_flow(x)), leaky(shuffle(self.coarse_hidden(x)))

    def refine_fine(
        self, features: Tensor, flow: Tensor, change: Tensor, hidden: Tensor, t: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Correct ``flow``, the prior with its (N, 4, H/16, W/16) ``change``, from features warped by it.

        Returns:
            (N, 4, H/8, W/8) total change of the flows in pixels, and (N, 16, H/8, W/8) hidden features.
        """
        warped = warp(features, both_sides(flow / 16))
        x = leaky(self.fine_in(ops.cat((*halves(warped), hidden, flow / FLOW_UNIT, plane(t, flow)), 1)))
        x = x + leaky(self.fine_two(leaky(self.fine_one(x))))
        return enlarge(change) + 16 * shuffle(self.fine_flow(x)), leaky(shuffle(self.fine_hidden(x)))

    def merge(self, images: Tensor, flow: Tensor, hidden: Tensor, t: Tensor) -> Tensor:
        """Warp both frames with the final (N, 4, H/4, W/4) flow and blend them: mask, residual, then what stays."""
        left, right = halves(warp(images, both_sides(enlarge(flow, 4))))
        seen = mean_and_difference(left, right)
        hidden = enlarge(hidden) + self.look_around(seen, mean_and_difference(*halves(images)), hidden)
        x = leaky(self.half_one(leaky(self.half_in(ops.cat((unshuffle(seen), hidden), 1)))))
        mask, residual = split(shuffle(self.half_out(x)), (1, 3))
        share = ops.sigmoid(mask + ops.log((1 - t) / t))  # of the left frame: 1 - t before training
        return self.stayed(right + share * (left - right) + residual, *halves(images), x, t)

    def look_around(self, warped: Tensor, still: Tensor, hidden: Tensor) -> Tensor:
        """Judge in a wider view which frame is right, from both frames warped and unwarped.

        Returns:
            (N, 16, H/2, W/2) change of the hidden features.
        """
        patches = leaky(self.quarter_patch(ops.cat((warped, still), 1)))
        x = leaky(self.quarter_in(ops.cat((patches, hidden), 1)))
        x = x + leaky(self.quarter_one(x))
        deep = leaky(self.eighth_one(leaky(self.eighth_down(x))))
        x = x + shuffle(self.eighth_up(leaky(self.eighth_two(deep))))
        return shuffle(self.quarter_hidden(x + leaky(self.quarter_two(x))))

    def stayed(self, made: Tensor, left: Tensor, right: Tensor, seen: Tensor, t: Tensor) -> Tensor:
        """Blend the made frame with the unwarped frames where these agree and ``seen``, at half the size, confirms it.

        Text and panels over moving footage do not move with it, and are finer than the flow. A single pixel may be
        equal in both frames by chance; that its neighbours are too is the layer's best evidence.
        """
        apart = right - left
        alike = -SHARPNESS * ops.abs(apart).mean(1, True)
        stay = self.half_stay(ops.cat((seen, shrink(ops.exp(alike), 2)), 1))
        return made + ops.sigmoid(enlarge(stay) + alike) * (left + t * apart - made)


def mean_and_difference(left: Tensor, right: Tensor) -> Tensor:
    """Map two pictures (N, 3, H, W) to the layers' input (N, 6, H, W); both parts are around zero, of similar size."""
    return ops.cat(((left + right) / 2 - 0.5, DIFFERENCE_SCALE * (left - right)), 1)


def both_sides(flow: Tensor) -> Tensor:
    """Stack (N, 4, h, w) flows to left and right as (2N, 2, h, w): left ones first, like the images."""
    return ops.cat(equal_parts(flow, 2))


def halves(x: Tensor) -> tuple[Tensor, Tensor]:
    """Split (2N, C, h, w) into the parts of the left frames and of the right frames."""
    return equal_parts(x, 2, 0)


def plane(t: Tensor, like: Tensor) -> Tensor:
    """Expand (N, 1, 1, 1) to a constant plane of the size of ``like``."""
    n, _, height, width = like.shape
    return ops.cast(ops.broadcast_to(t, (n, 1, height, width)), ms.float32)

"""The lite network: refines the classical flow of a pair coarse to fine, and blends the two warped frames.

The idea is that of IFR+ and IFRNet (intermediate flows refined together with features, from coarse to fine) with one
change: the flows don't start at zero but at those of ``prior.py``, so that the network only learns what classical
matching gets wrong. The last layer of each head starts at zero: untrained, it returns the blend of both warped frames.
"""

from __future__ import annotations

import mindspore as ms
from mindspore import Tensor, nn, ops
from mindspore.common.initializer import HeUniform

from ifrplus_cli.models.ops import enlarge, leaky, matching_cost, shrink, shuffle, unshuffle, warp

RADIUS = 3  # of the matching cost, in cells of 8 pixels
SIGNATURE = 24  # channels compared for it
HALF, QUARTER, EIGHTH, CONTEXT = 32, 64, 96, 144  # channels of the stages at 1/2, 1/4, 1/8 and 1/16 of the size
HIDDEN_HALF, HIDDEN_QUARTER = 16, 32  # channels a stage receives from the next coarser one
FLOW_SCALE = 16  # pixels of flow that the layers see as 1
DIFFERENCE_SCALE = 4  # between the two warped frames, as the layers see it


def conv(inside: int, outside: int, size: int = 3, stride: int = 1, zero: bool = False) -> nn.Conv2d:
    """Convolution with bias that keeps the size (divided by ``stride``); ``zero`` starts it at zero."""
    weight = "zeros" if zero else HeUniform(negative_slope=0.1)
    return nn.Conv2d(
        inside, outside, size, stride, pad_mode="pad", padding=size // 2, has_bias=True,
        weight_init=weight, bias_init="zeros",
    )  # fmt: skip


class Lite(nn.Cell):
    """Frame at any timestep between two frames, from both and their classical flow."""

    def __init__(self) -> None:
        super().__init__()
        self.encode_half = conv(3, 16, stride=2)
        self.encode_quarter = conv(16, 32, stride=2)
        self.encode_quarter_more = conv(32, 32)
        self.encode_eighth = conv(32, 64, stride=2)
        self.encode_eighth_more = conv(64, 64)

        self.signature = conv(64, SIGNATURE, size=1)
        self.match = conv(2 * 64 + (2 * RADIUS + 1) ** 2 + 4 + 1, EIGHTH)
        self.context_down = conv(EIGHTH, CONTEXT, stride=2)
        self.context_one = conv(CONTEXT, CONTEXT)
        self.context_two = conv(CONTEXT, CONTEXT)
        self.context_up = conv(CONTEXT, EIGHTH)
        self.eighth = conv(EIGHTH, EIGHTH)
        self.eighth_flow = conv(EIGHTH, 4 * 4, zero=True)
        self.eighth_hidden = conv(EIGHTH, 4 * HIDDEN_QUARTER, size=1)

        self.quarter_in = conv(2 * 32 + HIDDEN_QUARTER + 4 + 1, QUARTER)
        self.quarter_one = conv(QUARTER, QUARTER)
        self.quarter_two = conv(QUARTER, QUARTER)
        self.quarter_flow = conv(QUARTER, 4 * 4, zero=True)
        self.quarter_hidden = conv(QUARTER, 4 * HIDDEN_HALF, size=1)

        self.half_in = conv(2 * 3 * 4 + HIDDEN_HALF, HALF)
        self.half_one = conv(HALF, HALF)
        self.half_out = conv(HALF, 4 * 4, zero=True)

    def construct(self, left: Tensor, right: Tensor, prior: Tensor, t: Tensor) -> Tensor:
        """Makes the frame at ``t``.

        Args:
            left, right: (N, 3, H, W) float32 RGB, nominally 0..1; H and W are multiples of 32.
            prior: (N, 4, H/2, W/2) float32, flows from ``t`` to left and to right in full-resolution pixels.
            t: (N, 1, 1, 1) float32 in (0, 1).

        Returns:
            (N, 3, H, W) float32, not clipped.
        """
        images = ops.cat((left, right))
        quarter, eighth = self.encode(images)
        change, hidden = self.refine_eighth(eighth, shrink(prior, 4), t)
        change, hidden = self.refine_quarter(quarter, shrink(prior, 2), change, hidden, t)
        return self.merge(images, prior + change, hidden, t)

    def encode(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Features (2N, 32, H/4, W/4) and (2N, 64, H/8, W/8) of the (2N, 3, H, W) left, then right frames."""
        quarter = leaky(self.encode_quarter(leaky(self.encode_half(images - 0.5))))
        quarter = leaky(self.encode_quarter_more(quarter))
        return quarter, leaky(self.encode_eighth_more(leaky(self.encode_eighth(quarter))))

    def refine_eighth(self, features: Tensor, flow: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """Corrects the prior by matching and context at 1/8 and 1/16 of the size.

        Returns:
            (N, 4, H/4, W/4) change of the flows in pixels, and (N, 32, H/4, W/4) hidden features.
        """
        warped = warp(features, both_sides(flow / 8))
        cost = matching_cost(*halves(self.signature(warped)), RADIUS)
        x = leaky(self.match(ops.cat((*halves(warped), cost, flow / FLOW_SCALE, plane(t, flow)), 1)))
        deep = leaky(self.context_one(leaky(self.context_down(x))))
        deep = leaky(self.context_two(deep))
        x = x + leaky(self.context_up(enlarge(deep)))
        x = leaky(self.eighth(x))
        return 8 * shuffle(self.eighth_flow(x)), leaky(shuffle(self.eighth_hidden(x)))

    def refine_quarter(
        self, features: Tensor, flow: Tensor, change: Tensor, hidden: Tensor, t: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Corrects further, with the features warped anew.

        Returns:
            (N, 4, H/2, W/2) whole change of the flows in pixels, and (N, 16, H/2, W/2) hidden features.
        """
        flow = flow + change
        warped = warp(features, both_sides(flow / 4))
        x = leaky(self.quarter_in(ops.cat((*halves(warped), hidden, flow / FLOW_SCALE, plane(t, flow)), 1)))
        x = x + leaky(self.quarter_two(leaky(self.quarter_one(x))))
        return enlarge(change) + 4 * shuffle(self.quarter_flow(x)), leaky(shuffle(self.quarter_hidden(x)))

    def merge(self, images: Tensor, flow: Tensor, hidden: Tensor, t: Tensor) -> Tensor:
        """Warps both frames with the final (N, 4, H/2, W/2) flow and blends them: mask, then residual."""
        left, right = halves(warp(images, both_sides(enlarge(flow))))
        seen = ops.cat(((left + right) / 2 - 0.5, DIFFERENCE_SCALE * (left - right)), 1)
        x = leaky(self.half_in(ops.cat((unshuffle(seen), hidden), 1)))
        out = shuffle(self.half_out(leaky(self.half_one(x))))
        mask, residual = ops.split(out, (1, 3), 1)
        share = ops.sigmoid(mask + ops.log((1 - t) / t))  # of the left frame: 1 - t before anything is learnt
        return right + share * (left - right) + residual


def both_sides(flow: Tensor) -> Tensor:
    """(N, 4, h, w) flows to left and right as (2N, 2, h, w): left ones first, like the images."""
    return ops.cat(ops.split(flow, 2, 1))


def halves(x: Tensor) -> tuple[Tensor, Tensor]:
    """(2N, C, h, w) as what belongs to the left frames and what belongs to the right ones."""
    return ops.split(x, x.shape[0] // 2)


def plane(t: Tensor, like: Tensor) -> Tensor:
    """(N, 1, 1, 1) as a constant plane of the size of ``like``."""
    n, _, height, width = like.shape
    return ops.broadcast_to(t, (n, 1, height, width)).astype(ms.float32)

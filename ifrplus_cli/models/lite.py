"""The lite network: refines the classical flow of a pair coarse to fine, and chooses a side where the frames disagree.

The stages are those of RIFE 4.25 (Huang et al., "Real-Time Intermediate Flow Estimation for Video Frame
Interpolation", ECCV 2022) with two changes: the flows don't start at zero but at those of ``flow.py``, and each stage
works on pictures of the size that it sees. Every detail of a made frame comes out of a source frame: the network
returns flows and shares, no colours, and ``merge`` samples both frames once.
"""

from __future__ import annotations

import mindspore as ms
from mindspore import Tensor, nn, ops
from mindspore.common.initializer import HeUniform

from ifrplus_cli.models.cubic import warp_cubic
from ifrplus_cli.models.lite_facts import (
    AGAINST,
    BAND,
    CHOICE,
    CROSSING,
    DIFFERENCE_SCALE,
    FEATURES,
    FLATNESS,
    HIDDEN,
    LAYERS,
    LONELINESS,
    PICTURE,
    REFINED,
    SEEN,
    SHARPNESS,
    SLOPE,
    SPREAD,
    STEEPER,
    STEPS,
)
from ifrplus_cli.models.ops import box_mean, enlarge, equal_parts, leaky, shrink, shuffle, split, warp


def conv(inside: int, outside: int, stride: int = 1) -> nn.Conv2d:
    """3x3 convolution with bias that keeps the size (divided by ``stride``)."""
    return nn.Conv2d(
        inside, outside, 3, stride, pad_mode="pad", padding=1, has_bias=True,
        weight_init=HeUniform(negative_slope=SLOPE), bias_init="zeros",
    )  # fmt: skip


class Stage(nn.Cell):
    """Look at an input at a quarter of its size: (N, inside, h, w) to (N, outside, h, w), h and w even."""

    def __init__(self, inside: int, channels: int, outside: int) -> None:
        super().__init__()
        self.down_one = conv(inside, channels // 2, stride=2)
        self.down_two = conv(channels // 2, channels, stride=2)
        self.layers = nn.CellList([conv(channels, channels) for _ in range(LAYERS)])
        self.up = nn.Conv2dTranspose(channels, 4 * outside, 4, 2, pad_mode="pad", padding=1, has_bias=True)

    def construct(self, x: Tensor) -> Tensor:
        height, width = x.shape[2:]
        x = leaky(self.down_two(leaky(self.down_one(x), SLOPE)), SLOPE)
        for layer in self.layers:
            x = leaky(layer(x) + x, SLOPE)
        return shuffle(self.up(x))[:, :, :height, :width]  # larger if h or w is not a multiple of four


class LiteFeatures(nn.Cell):
    """What the network sees in one frame alone: it is enough to do this once for a frame, though two pairs need it."""

    def __init__(self) -> None:
        super().__init__()
        self.encode_half = conv(PICTURE, 16, stride=2)
        self.encode_one = conv(16, 16)
        self.encode_two = conv(16, 16)
        self.encode_out = conv(16, FEATURES)

    def construct(self, frames: Tensor) -> Tensor:
        """Shrink (N, 3, H, W) frames, and put their features beside them: (N, 7, H/2, W/2)."""
        return self.pictures_of(frames)

    def pictures_of(self, frames: Tensor) -> Tensor:
        x = leaky(self.encode_one(leaky(self.encode_half(frames), SLOPE)), SLOPE)
        return ops.cat((shrink(frames, 2), self.encode_out(leaky(self.encode_two(x), SLOPE))), 1)


class Lite(LiteFeatures):
    """Make the frame at any timestep between two frames, from the frames and their classical flow."""

    def __init__(self) -> None:
        super().__init__()
        self.overview = Stage(SEEN, 192, 1 + HIDDEN)
        self.at_eighth = Stage(REFINED, 128, 4 + 1 + HIDDEN)
        self.at_quarter = Stage(REFINED, 96, 4 + 1 + HIDDEN)
        self.at_half = Stage(REFINED, 64, 4 + 1 + HIDDEN)
        self.choose_one = conv(2 * PICTURE + PICTURE + 1 + 1 + HIDDEN + 1, CHOICE)
        self.choose_two = conv(CHOICE, CHOICE)
        self.choose_out = conv(CHOICE + 2, 3)

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
        """Return the frame and its (N, 4, H/2, W/2) flows in full-resolution pixels."""
        parts = self.estimate(self.pictures_of(ops.cat((left, right))), alike_in(left, right), prior, t)
        return merge(left, right, parts, t), (split(parts, (4, 3))[0],)

    def estimate(self, pictures: Tensor, alike: Tensor, prior: Tensor, t: Tensor) -> Tensor:
        """Estimate where both frames are sampled for the frame at ``t``, and which of them is right.

        Args:
            pictures: (2N, 7, H/2, W/2) float32, what ``LiteFeatures`` sees in the left, then the right frames.
            alike: (N, 1, H/2, W/2) float32, see ``alike_in``.
            prior, t: as for ``construct``.

        Returns:
            (N, 7, H/2, W/2) float32: flows to left and to right in full-resolution pixels (x, y each), and three
            logits: the left frame's share of what is coarse, its share of fine detail, and what stays as it is.
        """
        state = self.overview(seen(shrink(pictures, 8), t))
        # Of the prior, only what cells of 16 pixels tell: finer, its errors at edges would stay in the flow.
        flow = enlarge(shrink(prior, 4))
        flow, state, _ = refine(self.at_eighth, 8, shrink(pictures, 4), flow, enlarge(state), t)
        flow, state, _ = refine(self.at_quarter, 4, shrink(pictures, 2), enlarge(flow), enlarge(state), t)
        flow, state, warped = refine(self.at_half, 2, pictures, enlarge(flow), enlarge(state), t)
        return ops.cat((flow, self.choose(pictures, warped, state, alike, t)), 1)

    def choose(self, pictures: Tensor, warped: Tensor, state: Tensor, alike: Tensor, t: Tensor) -> Tensor:
        """Decide which side is right, and what stays.

        Args:
            pictures: (2N, 7, H/2, W/2) left, then right pictures, as they are.
            warped: the same, warped.
            state: (N, 9, H/2, W/2) mask and hidden features of the last stage.
            alike: (N, 1, H/2, W/2), see ``alike_in``.

        Returns:
            (N, 3, H/2, W/2) logits; see ``estimate``.
        """
        left, right = colours(pictures)
        one, two = colours(warped)
        looks = ((one + two) / 2 - 0.5, DIFFERENCE_SCALE * (one - two), DIFFERENCE_SCALE * (left - right))
        x = leaky(self.choose_one(ops.cat((*looks, alike, state, plane(t, state)), 1)), SLOPE)
        x = leaky(self.choose_two(x), SLOPE)
        choice = self.choose_out(ops.cat((x, split(state, (1, HIDDEN))[0], alike), 1))
        coarse, fine, stay = split(choice, (1, 1, 1))
        stay = ops.MaxPool(SPREAD, 1, "same")(stay)  # a letter stays as a whole
        stay = stay - AGAINST * objections((left + right) / 2, one, two, alike)
        return ops.cat((coarse, steepness(t) * fine, stay), 1)


class LiteParts(Lite):
    """The same network without its first step, ``LiteFeatures``, and its last, which ``frames/merge.py`` does."""

    def construct(self, left: Tensor, right: Tensor, alike: Tensor, prior: Tensor, t: Tensor) -> Tensor:
        """Return parts, see ``estimate``, from what ``LiteFeatures`` sees in the left and in the right frames."""
        return self.estimate(ops.cat((left, right)), alike, prior, t)


def alike_in(left: Tensor, right: Tensor) -> Tensor:
    """Share of pixels that are alike in (N, 3, H, W) frames: (N, 1, H/2, W/2).

    It is the mean of exponentials: a stroke of text is alike though the ground beside it moves.
    """
    return shrink(ops.exp(-SHARPNESS * ops.abs(left - right).mean(1, True)), 2)


def colours(pictures: Tensor) -> tuple[Tensor, Tensor]:
    """Take both frames, (N, 3, h, w) each, out of (2N, 7, h, w) pictures with their features."""
    left, right = equal_parts(split(pictures, (PICTURE, FEATURES))[0], 2, 0)
    return left, right


def refine(
    stage: Stage, scale: int, pictures: Tensor, flow: Tensor, state: Tensor, t: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Run a stage on pictures warped by the flow.

    Args:
        scale: how many times smaller than the frames the pictures are.
        pictures: (2N, 7, h, w) left, then right pictures with their features.
        flow: (N, 4, h, w) in full-resolution pixels.
        state: (N, 9, h, w) mask and hidden features.

    Returns:
        The corrected flow, the new state, and the warped pictures.
    """
    cells = flow / scale
    warped = warp(pictures, both_sides(cells))
    step, state = split(stage(ops.cat((seen(warped, t), state, cells), 1)), (4, 1 + HIDDEN))
    return flow + scale * step, state, warped


def steepness(t: Tensor) -> Tensor:
    """Return the factor on the logits of the fine share: 1 up to a quarter of the gap, more towards its middle.

    Near a frame that frame's detail wins by itself. Half-way neither is nearer, and undecided shares would average the
    detail of both away: made frames would be softer there than at other timesteps.
    """
    return 1 + STEEPER * ops.relu(1 - 4 * ops.abs(t - 0.5))


def objections(still: Tensor, one: Tensor, two: Tensor, alike: Tensor) -> Tensor:
    """Find reasons against what stays: what moves crosses an even ground, or single pixels are alike by chance.

    Where the ground is even and both warped pictures show something else, that passes between the two frames: the
    ground is alike in both, but does not stay to be seen. Text and the borders of panels are not even.

    Args:
        still: (N, 3, H/2, W/2) mean of the pictures as they are.
        one, two: (N, 3, H/2, W/2) warped pictures.
        alike: (N, 1, H/2, W/2) share of pixels that are alike in the frames as they are.

    Returns:
        (N, 1, H/2, W/2), from 0 (none).
    """
    edges = ops.abs(still - mean_around(still)).mean(1, True)
    flat = ops.exp(-FLATNESS * ops.MaxPool(3, 1, "same")(edges))
    nearer = ops.minimum(ops.abs(one - still).mean(1, True), ops.abs(two - still).mean(1, True))
    crossed = ops.MaxPool(SPREAD, 1, "same")(flat * alike * (1 - ops.exp(-CROSSING * nearer)))
    return crossed + ops.exp(-LONELINESS * mean_around(alike))


def mean_around(x: Tensor) -> Tensor:
    """Mean of (N, C, h, w) over 3 x 3 points, without those outside."""
    return ops.AvgPool(3, 1, "same")(x)


def merge(left: Tensor, right: Tensor, parts: Tensor, t: Tensor) -> Tensor:
    """Make the frame at ``t`` of both frames and what ``Lite.estimate`` says about them.

    The frames are sampled once, bicubically, and mixed in two bands: where they disagree a mean of both loses its
    detail, so the fine band is taken from one of them nearly alone. What is alike in both frames as they are may stay:
    text and panels over moving footage do not move with it, and are finer than the flow. ``frames/merge.py`` does the
    same outside of the graph.

    Args:
        left, right: (N, 3, H, W) float32 RGB, nominally 0..1.
        parts: (N, 7, H/2, W/2) float32.
        t: (N, 1, 1, 1) float32 in (0, 1).

    Returns:
        (N, 3, H, W) float32, not clipped.
    """
    flow, shares, stay = split(parts, (4, 2, 1))
    flow = ops.round(enlarge(flow) * STEPS) / STEPS
    one, two = equal_parts(warp_cubic(ops.cat((left, right)), both_sides(flow)), 2, 0)
    coarse, fine = equal_parts(enlarge(ops.sigmoid(shares)), 2)
    apart = one - two
    made = two + fine * apart + (coarse - fine) * box_mean(apart, BAND)
    still = right - left
    share = ops.sigmoid(enlarge(stay) - SHARPNESS * ops.abs(still).mean(1, True))
    return made + share * (left + t * still - made)


def seen(pictures: Tensor, t: Tensor) -> Tensor:
    """Order (2N, 7, h, w) as the stages see it: both pictures, the features of both, the timestep: (N, 15, h, w)."""
    left, right = colours(pictures)
    features = split(pictures, (PICTURE, FEATURES))[1]
    return ops.cat((left, right, *equal_parts(features, 2, 0), plane(t, left)), 1)


def both_sides(flow: Tensor) -> Tensor:
    """Stack (N, 4, h, w) flows to left and right as (2N, 2, h, w): left ones first, like the images."""
    return ops.cat(equal_parts(flow, 2))


def plane(t: Tensor, like: Tensor) -> Tensor:
    """Expand (N, 1, 1, 1) to a constant plane of the size of ``like``."""
    n, _, height, width = like.shape
    return ops.cast(ops.broadcast_to(t, (n, 1, height, width)), ms.float32)

"""PyTorch twin of ``ifrplus_cli/models/lite.py``, for training: the same layers, parameter names and results."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from ifrplus_cli.models.lite_facts import (
    AGAINST,
    BAND,
    CHOICE,
    CROSSING,
    DIFFERENCE_SCALE,
    FEATURES,
    FLATNESS,
    HIDDEN,
    LONELINESS,
    PICTURE,
    REFINED,
    SEEN,
    SHARPNESS,
    SPREAD,
    STEEPER,
    STEPS,
)


def conv(inside: int, outside: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inside, outside, 3, stride, 1)


def leaky(x: Tensor) -> Tensor:
    return functional.leaky_relu(x, 0.2)


def warp(image: Tensor, flow: Tensor, mode: str = "bilinear") -> Tensor:
    """Sample (N, C, H, W) ``image`` at p + flow; ``flow`` (N, 2, H, W) in pixels of the image, edges repeated."""
    height, width = image.shape[2:]
    x = torch.arange(width, device=flow.device, dtype=torch.float32) + flow[:, 0].float()
    y = torch.arange(height, device=flow.device, dtype=torch.float32)[:, None] + flow[:, 1].float()
    grid = torch.stack([x * (2 / (width - 1)) - 1, y * (2 / (height - 1)) - 1], dim=3)
    return functional.grid_sample(image.float(), grid, mode, "border", align_corners=True)


def enlarge(x: Tensor, factor: int = 2) -> Tensor:
    """Enlarge by ``factor``, bilinear, with half-pixel centres."""
    return functional.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False)


def shrink(x: Tensor, factor: int) -> Tensor:
    return functional.avg_pool2d(x, factor)


class Stage(nn.Module):
    """See ``ifrplus_cli.models.lite.Stage``."""

    def __init__(self, inside: int, channels: int, outside: int) -> None:
        super().__init__()
        self.down_one = conv(inside, channels // 2, 2)
        self.down_two = conv(channels // 2, channels, 2)
        self.layers = nn.ModuleList(conv(channels, channels) for _ in range(8))
        self.up = nn.ConvTranspose2d(channels, 4 * outside, 4, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[2:]
        x = leaky(self.down_two(leaky(self.down_one(x))))
        for layer in self.layers:
            x = leaky(layer(x) + x)
        return functional.pixel_shuffle(self.up(x), 2)[:, :, :height, :width]


class Lite(nn.Module):
    """See ``ifrplus_cli.models.lite.Lite``."""

    def __init__(self) -> None:
        super().__init__()
        self.encode_half = conv(PICTURE, 16, 2)
        self.encode_one = conv(16, 16)
        self.encode_two = conv(16, 16)
        self.encode_out = conv(16, FEATURES)
        self.overview = Stage(SEEN, 192, 1 + HIDDEN)
        self.at_eighth = Stage(REFINED, 128, 4 + 1 + HIDDEN)
        self.at_quarter = Stage(REFINED, 96, 4 + 1 + HIDDEN)
        self.at_half = Stage(REFINED, 64, 4 + 1 + HIDDEN)
        self.choose_one = conv(6 + 3 + 1 + 1 + HIDDEN + 1, CHOICE)
        self.choose_two = conv(CHOICE, CHOICE)
        self.choose_out = conv(CHOICE + 2, 3)

    def forward(self, left: Tensor, right: Tensor, prior: Tensor, t: Tensor) -> Tensor:
        """Make frames (N, 3, H, W); see ``estimate`` for the arguments."""
        return merge(left, right, *self.estimate(left, right, prior, t), t)

    def estimate(self, left: Tensor, right: Tensor, prior: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """Return flows (N, 4, H/2, W/2) in pixels and shares (N, 3, H/2, W/2); see ``Lite.estimate``."""
        flow, mask, hidden, seen = self.flows(left, right, prior, t)
        return flow, self.choose(left, right, mask, hidden, seen, t)

    def flows(self, left: Tensor, right: Tensor, prior: Tensor, t: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return flow (N, 4, H/2, W/2), mask, hidden features, and both frames warped by the flow before the last."""
        frames = torch.cat([left, right])
        pictures = torch.cat([shrink(frames, 2), self.encode(frames)], 1)
        state = enlarge(self.overview(self.seen(shrink(pictures, 8), t)))
        flow = enlarge(shrink(prior, 4))
        for scale, stage in ((8, self.at_eighth), (4, self.at_quarter), (2, self.at_half)):
            if scale < 8:
                flow, state = enlarge(flow), enlarge(state)
            level = pictures if scale == 2 else shrink(pictures, scale // 2)
            warped = warp(level, both_sides(flow) / scale)
            out = stage(torch.cat([self.seen(warped, t), state, flow / scale], 1))
            flow, state = flow + scale * out[:, :4].float(), out[:, 4:]
        return flow, state[:, :1], state[:, 1:], warped

    def encode(self, frames: Tensor) -> Tensor:
        """Features (2N, 4, H/2, W/2)."""
        x = leaky(self.encode_one(leaky(self.encode_half(frames))))
        return self.encode_out(leaky(self.encode_two(x)))

    def seen(self, pictures: Tensor, t: Tensor) -> Tensor:
        """Order (2N, 7, h, w) as the stages see it: both frames, features of both, timestep."""
        left, right = pictures.chunk(2)
        when = t.expand(-1, 1, *left.shape[2:])
        return torch.cat([left[:, :3], right[:, :3], left[:, 3:], right[:, 3:], when], 1)

    def choose(self, left: Tensor, right: Tensor, mask: Tensor, hidden: Tensor, warped: Tensor, t: Tensor) -> Tensor:
        """Return logits (N, 3, H/2, W/2): share of the left frame in the coarse band, in the fine one, what stays."""
        apart = left - right
        alike = shrink(torch.exp(-SHARPNESS * apart.abs().mean(1, keepdim=True)), 2)
        apart = shrink(apart, 2)
        one, two = warped[:, :3].chunk(2)
        seen = [(one + two) / 2 - 0.5, DIFFERENCE_SCALE * (one - two), DIFFERENCE_SCALE * apart]
        x = torch.cat([*seen, alike, mask, hidden, t.expand(-1, 1, *mask.shape[2:])], 1)
        x = leaky(self.choose_two(leaky(self.choose_one(x))))
        coarse, fine, stay = self.choose_out(torch.cat([x, mask, alike], 1)).float().split(1, 1)
        stay = functional.max_pool2d(stay, SPREAD, 1, SPREAD // 2)
        stay = stay - AGAINST * objections((left + right) / 2, one, two, alike)
        return torch.cat([coarse, steepness(t) * fine, stay], 1)


def steepness(t: Tensor) -> Tensor:
    """Return the factor on the logits of the fine share; see ``steepness`` in ``ifrplus_cli/models/lite.py``."""
    return 1 + STEEPER * functional.relu(1 - 4 * (t - 0.5).abs())


def objections(still: Tensor, one: Tensor, two: Tensor, alike: Tensor) -> Tensor:
    """Return (N, 1, H/2, W/2) reasons against what stays; see ``objections`` in ``ifrplus_cli/models/lite.py``."""
    still = shrink(still, 2)
    edges = (still - functional.avg_pool2d(still, 3, 1, 1, count_include_pad=False)).abs().mean(1, keepdim=True)
    flat = torch.exp(-FLATNESS * functional.max_pool2d(edges, 3, 1, 1))
    nearer = torch.minimum(*((side - still).abs().mean(1, keepdim=True) for side in (one, two)))
    lonely = torch.exp(-LONELINESS * functional.avg_pool2d(alike, 3, 1, 1, count_include_pad=False))
    crossed = functional.max_pool2d(flat * alike * (1 - torch.exp(-CROSSING * nearer)), SPREAD, 1, SPREAD // 2)
    return crossed + lonely


def merge(left: Tensor, right: Tensor, flow: Tensor, choice: Tensor, t: Tensor) -> Tensor:
    """Make frames (N, 3, H, W) from both frames, flows and logits; see ``merge`` in ``lite.py``."""
    flow = enlarge(flow.float())
    flow = flow + (torch.round(flow * STEPS) / STEPS - flow).detach()
    ends = warp(torch.cat([left, right]), both_sides(flow), "bicubic")
    one, two = ends.chunk(2)
    coarse, fine = enlarge(torch.sigmoid(choice[:, :2])).chunk(2, 1)
    stay = enlarge(choice[:, 2:])
    apart = one - two
    around = functional.avg_pool2d(functional.pad(apart, (BAND // 2,) * 4, "replicate"), BAND, 1)
    made = two + fine * apart + (coarse - fine) * around
    still = right - left
    share = torch.sigmoid(stay - SHARPNESS * still.abs().mean(1, keepdim=True))
    return made + share * (left + t * still - made)


def both_sides(flow: Tensor) -> Tensor:
    """Stack (N, 4, h, w) flows to left and right as (2N, 2, h, w)."""
    return torch.cat([flow[:, :2], flow[:, 2:]])

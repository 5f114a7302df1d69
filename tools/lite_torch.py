"""PyTorch twin of ``ifrplus_cli/models/lite.py``, for training: the same layers, parameter names and results."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

RADIUS = 3
COARSE, FINE, EIGHTH, QUARTER, HALF = 96, 64, 96, 48, 32
PATCH = 40
HIDDEN_FINE, HIDDEN_HALF = 32, 16
SIGNATURE = 24
FLOW_UNIT = 32
DIFFERENCE_SCALE = 4
SHARPNESS = 200


def conv(inside: int, outside: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inside, outside, 3, stride, 1)


def leaky(x: Tensor) -> Tensor:
    return functional.leaky_relu(x, 0.1)


def warp(image: Tensor, flow: Tensor) -> Tensor:
    """Sample (N, C, H, W) ``image`` at p + flow; ``flow`` (N, 2, H, W) in pixels of the image, edges repeated."""
    height, width = image.shape[2:]
    x = torch.arange(width, device=flow.device, dtype=torch.float32)
    y = torch.arange(height, device=flow.device, dtype=torch.float32)[:, None]
    grid = torch.stack([(x + flow[:, 0]) * (2 / (width - 1)) - 1, (y + flow[:, 1]) * (2 / (height - 1)) - 1], dim=3)
    return functional.grid_sample(image.float(), grid, "bilinear", "border", align_corners=True)


def enlarge(x: Tensor, factor: int = 2) -> Tensor:
    """Enlarge by ``factor``, bilinear, with half-pixel centres."""
    return functional.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False)


def matching_cost(left: Tensor, right: Tensor) -> Tensor:
    """Mean absolute difference of (N, C, H, W) features for every shift of ``right`` up to RADIUS: (N, 49, H, W)."""
    height, width = left.shape[2:]
    padded = functional.pad(right, (RADIUS,) * 4)
    side = range(2 * RADIUS + 1)
    costs = [(left - padded[:, :, y : y + height, x : x + width]).abs().mean(1) for y in side for x in side]
    return torch.stack(costs, dim=1)


class Lite(nn.Module):
    """See ``ifrplus_cli.models.lite.Lite``."""

    def __init__(self) -> None:
        super().__init__()
        self.encode_first = conv(3, 16, 2)
        self.encode_fine = conv(16, 32, 2)
        self.encode_fine_more = conv(32, 32)
        self.encode_coarse = conv(32, 64, 2)
        self.encode_coarse_more = conv(64, 64)

        self.signature = nn.Conv2d(64, SIGNATURE, 1)
        self.match = conv(2 * 64 + (2 * RADIUS + 1) ** 2 + 5, COARSE)
        self.context_down = conv(COARSE, 144, 2)
        self.context_one = conv(144, 144)
        self.context_two = conv(144, 144)
        self.context_up = conv(144, COARSE)
        self.coarse = conv(COARSE, COARSE)
        self.coarse_flow = conv(COARSE, 4 * 4)
        self.coarse_hidden = nn.Conv2d(COARSE, 4 * HIDDEN_FINE, 1)

        self.fine_in = conv(2 * 32 + HIDDEN_FINE + 5, FINE)
        self.fine_one = conv(FINE, FINE)
        self.fine_two = conv(FINE, FINE)
        self.fine_flow = conv(FINE, 4 * 4)
        self.fine_hidden = nn.Conv2d(FINE, 4 * HIDDEN_HALF, 1)

        self.quarter_patch = nn.Conv2d(4 * 3, PATCH, 4, 4)
        self.quarter_in = conv(PATCH + HIDDEN_HALF, QUARTER)
        self.quarter_one = conv(QUARTER, QUARTER)
        self.eighth_down = conv(QUARTER, EIGHTH, 2)
        self.eighth_one = conv(EIGHTH, EIGHTH)
        self.eighth_two = conv(EIGHTH, EIGHTH)
        self.eighth_up = nn.Conv2d(EIGHTH, 4 * QUARTER, 1)
        self.quarter_two = conv(QUARTER, QUARTER)
        self.quarter_hidden = nn.Conv2d(QUARTER, 4 * HIDDEN_HALF, 1)

        self.half_in = conv(2 * 12 + HIDDEN_HALF, HALF)
        self.half_one = conv(HALF, HALF)
        self.half_out = conv(HALF, 4 * 4)
        self.half_stay = nn.Conv2d(HALF + 1, 1, 1)
        for layer in self.children():
            nn.init.kaiming_normal_(
                layer.weight, a=0.1
            )  # PyTorch's default initialisation loses 60 % of the signal per layer
            nn.init.zeros_(layer.bias)
        for head in (
            *(self.coarse_flow, self.fine_flow, self.eighth_up, self.quarter_two, self.quarter_hidden),
            *(self.half_out, self.half_stay),
        ):
            nn.init.zeros_(head.weight)

    def forward(self, left: Tensor, right: Tensor, prior: Tensor, t: Tensor) -> Tensor:
        """Make frames (N, 3, H, W); see ``flows`` for the arguments."""
        return self.flows(left, right, prior, t)[0]

    def flows(self, left: Tensor, right: Tensor, prior: Tensor, t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return made frames (N, 3, H, W) and the flows (N, 4, h, w), in pixels, at 1/16 and 1/4 of the size.

        See ``estimate`` for the arguments.
        """
        rough, flow, hidden = self.estimate(left, right, prior, t)
        return self.merge(torch.cat([left, right]), flow, hidden, t), rough, flow

    def estimate(self, left: Tensor, right: Tensor, prior: Tensor, t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return flows (N, 4, h, w), in pixels, at 1/16 and 1/4 of the size, and hidden features at 1/4.

        Args:
            left, right: (N, 3, H, W) float32 RGB in 0..1; H and W are multiples of 32.
            prior: (N, 4, H/4, W/4) float32 flows to left and to right in full-resolution pixels.
            t: (N, 1, 1, 1) float32 in (0, 1).
        """
        n = left.shape[0]
        images = functional.avg_pool2d(torch.cat([left, right]), 4)
        fine = leaky(self.encode_fine(leaky(self.encode_first(images - 0.5))))
        fine = leaky(self.encode_fine_more(fine))
        coarse = leaky(self.encode_coarse_more(leaky(self.encode_coarse(fine))))

        flow = functional.avg_pool2d(prior, 8)
        warped = warp(coarse, both_sides(flow) / 32)
        signature = self.signature(warped)
        cost = matching_cost(signature[:n], signature[n:])
        seen = torch.cat([warped[:n], warped[n:], cost, flow / FLOW_UNIT, t.expand(-1, -1, *flow.shape[2:])], dim=1)
        x = leaky(self.match(seen))
        deep = leaky(self.context_two(leaky(self.context_one(leaky(self.context_down(x))))))
        x = x + leaky(self.context_up(enlarge(deep)[:, :, : x.shape[2], : x.shape[3]]))
        x = leaky(self.coarse(x))
        change = functional.pixel_shuffle(self.coarse_flow(x), 2).float() * 32
        hidden = leaky(functional.pixel_shuffle(self.coarse_hidden(x), 2))

        rough = flow = functional.avg_pool2d(prior, 4) + change
        warped = warp(fine, both_sides(flow) / 16)
        seen = torch.cat([warped[:n], warped[n:], hidden, flow / FLOW_UNIT, t.expand(-1, -1, *flow.shape[2:])], dim=1)
        x = leaky(self.fine_in(seen))
        x = x + leaky(self.fine_two(leaky(self.fine_one(x))))
        change = enlarge(change) + functional.pixel_shuffle(self.fine_flow(x), 2).float() * 16
        hidden = leaky(functional.pixel_shuffle(self.fine_hidden(x), 2))

        return rough, prior + enlarge(change), enlarge(hidden)

    def merge(self, images: Tensor, flow_quarter: Tensor, hidden: Tensor, t: Tensor) -> Tensor:
        """Make frames (N, 3, H, W) from (2N, 3, H, W) left, then right frames."""
        n = t.shape[0]
        warped = warp(images, both_sides(enlarge(flow_quarter, 4)))
        left, right = warped[:n], warped[n:]
        seen = mean_and_difference(left, right)
        patches = leaky(self.quarter_patch(torch.cat([seen, mean_and_difference(images[:n], images[n:])], dim=1)))
        x = leaky(self.quarter_in(torch.cat([patches, hidden], dim=1)))
        x = x + leaky(self.quarter_one(x))
        deep = leaky(self.eighth_two(leaky(self.eighth_one(leaky(self.eighth_down(x))))))
        x = x + functional.pixel_shuffle(self.eighth_up(deep), 2)
        x = x + leaky(self.quarter_two(x))
        hidden = enlarge(hidden) + functional.pixel_shuffle(self.quarter_hidden(x), 2)
        seen = torch.cat([functional.pixel_unshuffle(seen, 2), hidden], dim=1)
        x = leaky(self.half_one(leaky(self.half_in(seen))))
        out = functional.pixel_shuffle(self.half_out(x), 2).float()
        share = torch.sigmoid(out[:, :1] + torch.log((1 - t) / t))
        made = share * left + (1 - share) * right + out[:, 1:]
        apart = images[n:] - images[:n]
        unlike = SHARPNESS * apart.abs().mean(1, keepdim=True)
        seen = torch.cat([x, functional.avg_pool2d(torch.exp(-unlike), 2)], dim=1)
        stay = torch.sigmoid(enlarge(self.half_stay(seen).float()) - unlike)
        return made + stay * (images[:n] + t * apart - made)


def mean_and_difference(left: Tensor, right: Tensor) -> Tensor:
    """Map two pictures (N, 3, H, W) to the layers' input (N, 6, H, W); both parts are around zero, of similar size."""
    return torch.cat([(left + right) / 2 - 0.5, DIFFERENCE_SCALE * (left - right)], dim=1)


def both_sides(flow: Tensor) -> Tensor:
    """Stack (N, 4, h, w) flows to left and right as (2N, 2, h, w): left ones first, like the images."""
    return torch.cat([flow[:, :2], flow[:, 2:]])

"""RIFE 4.25's network in PyTorch, written after its description alone: an independent twin of ``models/rife.py``.

It shares no code with the program and none with the authors', does everything at full size as described, and is only
used to make golden files and to compare times.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

WIDTHS = (192, 128, 96, 64, 32)


def layer(inside: int, outside: int, stride: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inside, outside, 3, stride, 1), nn.LeakyReLU(0.2))


class Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.beta = nn.Parameter(torch.ones(1, width, 1, 1))
        self.conv = nn.Conv2d(width, width, 3, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        return functional.leaky_relu(self.conv(x) * self.beta + x, 0.2)


class Block(nn.Module):
    def __init__(self, inside: int, width: int) -> None:
        super().__init__()
        self.conv0 = nn.Sequential(layer(inside, width // 2, 2), layer(width // 2, width, 2))
        self.convblock = nn.Sequential(*(Residual(width) for _ in range(8)))
        self.lastconv = nn.Sequential(nn.ConvTranspose2d(width, 52, 4, 2, 1), nn.PixelShuffle(2))

    def forward(self, pictures: Tensor, flow: Tensor | None, cell: int) -> tuple[Tensor, Tensor]:
        x = resized(pictures, 1 / cell)
        if flow is not None:
            x = torch.cat((x, resized(flow, 1 / cell) / cell), 1)
        made = resized(self.lastconv(self.convblock(self.conv0(x))), cell)
        return made[:, :4] * cell, made[:, 4:]


class Encoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.cnn0 = nn.Conv2d(3, 16, 3, 2, 1)
        self.cnn1 = nn.Conv2d(16, 16, 3, 1, 1)
        self.cnn2 = nn.Conv2d(16, 16, 3, 1, 1)
        self.cnn3 = nn.ConvTranspose2d(16, 4, 4, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        for convolution in (self.cnn0, self.cnn1, self.cnn2):
            x = functional.leaky_relu(convolution(x), 0.2)
        return self.cnn3(x)


class Rife(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        for number, width in enumerate(WIDTHS):
            self.add_module(f"block{number}", Block(28 if number else 15, width))
        self.encode = Encoder()

    def forward(self, left: Tensor, right: Tensor, t: float, scale: float = 1.0) -> tuple[Tensor, Tensor, Tensor]:
        """Return the made frame, the flows and the share of the left frame."""
        frames, encoded = (left, right), (self.encode(left), self.encode(right))
        when = torch.full_like(left[:, :1], t)
        flow, others = self.block0(torch.cat((*frames, *encoded, when), 1), None, round(16 / scale))
        for number, cell in enumerate((8, 4, 2, 1), 1):
            seen = torch.cat((*both(frames, flow), *both(encoded, flow), when, others), 1)
            change, others = self.get_submodule(f"block{number}")(seen, flow, round(cell / scale))
            flow = flow + change
        share = torch.sigmoid(others[:, :1])
        first, second = both(frames, flow)
        return share * first + (1 - share) * second, flow, share


def both(pair: tuple[Tensor, Tensor], flow: Tensor) -> tuple[Tensor, Tensor]:
    return warp(pair[0], flow[:, :2]), warp(pair[1], flow[:, 2:])


def warp(image: Tensor, flow: Tensor) -> Tensor:
    height, width = image.shape[2:]
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    x = (columns + flow[:, 0]) * 2 / (width - 1) - 1
    y = (rows + flow[:, 1]) * 2 / (height - 1) - 1
    return functional.grid_sample(image, torch.stack((x, y), -1), padding_mode="border", align_corners=True)


def resized(x: Tensor, factor: float) -> Tensor:
    return x if factor == 1 else functional.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False)

"""The IFRNet family in PyTorch, written from the paper for one purpose: as a reference for the MindSpore network."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

# Channels: of the encoder, finest first; of the decoders, coarsest first; of the side; kernel size of the first layer.
MEMBERS = {
    "s": ((24, 36, 54, 72), (144, 162, 108, 72), 24, 3),
    "base": ((32, 48, 72, 96), (192, 216, 144, 96), 32, 3),
    "l": ((64, 96, 144, 192), (384, 432, 288, 192), 64, 7),
}


def layer(inside: int, outside: int, size: int = 3, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inside, outside, size, stride, size // 2), nn.PReLU(outside))


class Encoder(nn.Module):
    def __init__(self, widths: tuple[int, ...], first: int) -> None:
        super().__init__()
        inside = (3, *widths[:-1])
        for number, (a, b) in enumerate(zip(inside, widths, strict=True), 1):
            level = nn.Sequential(layer(a, b, first if number == 1 else 3, 2), layer(b, b))
            setattr(self, f"pyramid{number}", level)

    def forward(self, image: Tensor) -> list[Tensor]:
        levels = []
        for number in range(1, 5):
            image = getattr(self, f"pyramid{number}")(image)
            levels.append(image)
        return levels


class ResBlock(nn.Module):
    def __init__(self, channels: int, side: int) -> None:
        super().__init__()
        self.side = side
        self.conv1, self.conv2 = layer(channels, channels), layer(side, side)
        self.conv3, self.conv4 = layer(channels, channels), layer(side, side)
        self.conv5, self.prelu = nn.Conv2d(channels, channels, 3, 1, 1), nn.PReLU(channels)

    def forward(self, x: Tensor) -> Tensor:
        out = self.conv1(x)
        out = torch.cat((out[:, : -self.side], self.conv2(out[:, -self.side :])), 1)
        out = self.conv3(out)
        out = torch.cat((out[:, : -self.side], self.conv4(out[:, -self.side :])), 1)
        return self.prelu(x + self.conv5(out))


class Decoder(nn.Module):
    def __init__(self, inside: int, width: int, outside: int, side: int) -> None:
        super().__init__()
        up = nn.ConvTranspose2d(width, outside, 4, 2, 1)
        self.convblock = nn.Sequential(layer(inside, width), ResBlock(width, side), up)

    def forward(self, *seen: Tensor) -> Tensor:
        out: Tensor = self.convblock(torch.cat(seen, 1))
        return out


class IfrNet(nn.Module):
    def __init__(self, member: str) -> None:
        super().__init__()
        encoder, widths, side, first = MEMBERS[member]
        one, two, three, four = encoder
        self.encoder = Encoder(encoder, first)
        self.decoder4 = Decoder(2 * four + 1, widths[0], 4 + three, side)
        self.decoder3 = Decoder(3 * three + 4, widths[1], 4 + two, side)
        self.decoder2 = Decoder(3 * two + 4, widths[2], 4 + one, side)
        self.decoder1 = Decoder(3 * one + 4, widths[3], 8, side)

    def forward(self, left: Tensor, right: Tensor, t: float, scale: float) -> Tensor:
        mean = torch.stack((left, right)).mean((0, 2, 3, 4)).reshape(-1, 1, 1, 1)
        left, right = left - mean, right - mean
        lefts, rights = self.encoder(resize(left, scale)), self.encoder(resize(right, scale))
        when = torch.full_like(lefts[3][:, :1], t)
        out = self.decoder4(lefts[3], rights[3], when)
        to_left, to_right, rest = out[:, 0:2], out[:, 2:4], out[:, 4:]
        for level, decoder in ((2, self.decoder3), (1, self.decoder2), (0, self.decoder1)):
            warped = warp(lefts[level], to_left), warp(rights[level], to_right)
            out = decoder(rest, *warped, to_left, to_right)
            to_left = out[:, 0:2] + 2 * resize(to_left, 2)
            to_right = out[:, 2:4] + 2 * resize(to_right, 2)
            rest = out[:, 4:]
        to_left, to_right = resize(to_left, 1 / scale) / scale, resize(to_right, 1 / scale) / scale
        share, residual = resize(torch.sigmoid(rest[:, :1]), 1 / scale), resize(rest[:, 1:], 1 / scale)
        made = share * warp(left, to_left) + (1 - share) * warp(right, to_right) + mean + residual
        return made.clamp(0, 1)


def resize(x: Tensor, scale: float) -> Tensor:
    return functional.interpolate(x, scale_factor=scale, mode="bilinear", align_corners=False)


def warp(image: Tensor, flow: Tensor) -> Tensor:
    height, width = image.shape[2:]
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    x = (columns + flow[:, 0]) * 2 / (width - 1) - 1
    y = (rows + flow[:, 1]) * 2 / (height - 1) - 1
    return functional.grid_sample(image, torch.stack((x, y), 3), padding_mode="border", align_corners=True)

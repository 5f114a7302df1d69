"""Loss functions for training; each is a mean over the pictures of a batch.

A picture counts the same whatever other pictures are in the batch, so a batch may be divided among devices.
"""

from __future__ import annotations

import math

import mindspore as ms
import numpy as np
from mindspore import Tensor, nn, ops

from ifrplus_cli.models.lite import both_sides
from ifrplus_cli.models.ops import enlarge, equal_parts, resize, shrink, warp
from ifrplus_cli.training.recipe import ENERGY_BANDS, ENERGY_WINDOW, LAPLACIAN_LEVELS, LEAST_ENERGY

HARD_SHARE = 0.2  # share of the pixels, those with the largest errors, that the Charbonnier loss counts
CHARBONNIER_FLOOR = 1e-3
LEAST_ERROR = 1e-5  # squared error, 50 dB, below which a picture no longer counts
LEVEL_FACTOR = 0.9  # weight of each level of flow, relative to the next finer one
ERROR_TRUST = 0.3  # per pixel: rate at which a flow far from the teacher's loses its weight
COLOUR_TRUST = 0.03  # colour difference at which the teacher's flow has lost 63 % of its weight


def charbonnier(made: Tensor, true: Tensor) -> Tensor:
    """Charbonnier distance of (N, 3, H, W) pictures over the hardest fifth of the pixels of each."""
    error = ops.sqrt(ops.square(made - true) + CHARBONNIER_FLOOR**2).mean(1).reshape(made.shape[0], -1)
    count = max(1, int(error.shape[1] * HARD_SHARE))
    least = ops.stop_gradient(ops.topk(error, count)[0][:, -1:])
    hard = ops.cast(error >= least, ms.float32)
    return ((error * hard).sum(1) / hard.sum(1)).mean()


def focal_frequency(made: Tensor, true: Tensor) -> Tensor:
    """Focal frequency loss (Jiang et al., ICCV 2021, equations 8 and 9, alpha 1) of (N, 3, H, W) pictures.

    The Fourier transform is computed as two matrix products, which every device supports.
    """
    difference = made - true
    across, along = _waves(difference.shape[3]), _waves(difference.shape[2])
    real = ops.matmul(along[0], ops.matmul(difference, across[0])) - ops.matmul(
        along[1], ops.matmul(difference, across[1])
    )
    imaginary = ops.matmul(along[0], ops.matmul(difference, across[1])) + ops.matmul(
        along[1], ops.matmul(difference, across[0])
    )
    distance = ops.square(real) + ops.square(imaginary)
    weight = ops.sqrt(ops.stop_gradient(distance))
    largest = weight.max(3, keepdims=True).max(2, keepdims=True)
    return (weight / (largest + 1e-12) * distance).mean()


def _waves(size: int) -> tuple[Tensor, Tensor]:
    """Real and imaginary part of the orthonormal Fourier matrix, (size, size)."""
    angles = -2 * math.pi * np.outer(np.arange(size), np.arange(size)) / size
    return tuple(Tensor((wave(angles) / math.sqrt(size)).astype(np.float32)) for wave in (np.cos, np.sin))


def laplacian(made: Tensor, true: Tensor) -> Tensor:
    """Sum of the mean absolute differences of (N, 3, H, W) pictures in all levels of a Laplacian pyramid."""
    difference = made - true  # the pyramid is linear: that of the difference is the difference of the pyramids
    loss = 0.0
    for _ in range(LAPLACIAN_LEVELS - 1):
        smaller = shrink(difference, 2)
        loss = loss + ops.abs(difference - enlarge(smaller)).mean()
        difference = smaller
    return loss + ops.abs(difference).mean()


def energy(made: Tensor, true: Tensor) -> Tensor:
    """Mean absolute difference of the local energy of (N, 3, H, W) pictures in their finest bands and each colour.

    What is blurred loses energy, wherever exactly it lies; a loss of pixels alone would rather have it blurred.
    """
    loss = 0.0
    for _ in range(ENERGY_BANDS):
        small_made, small_true = shrink(made, 2), shrink(true, 2)
        ours, theirs = _local_energy(made - enlarge(small_made)), _local_energy(true - enlarge(small_true))
        loss = loss + ops.abs(ours - theirs).mean()
        made, true = small_made, small_true
    return loss


def _local_energy(band: Tensor) -> Tensor:
    """Root of the mean square over windows of ENERGY_WINDOW pixels a side, every second one."""
    mean = ops.AvgPool(ENERGY_WINDOW, 2, "SAME")(ops.square(band))
    return ops.sqrt(mean + LEAST_ENERGY**2)


def logarithm(made: Tensor, true: Tensor) -> Tensor:
    """Mean logarithm of the squared error of each picture: PSNR except for its sign and unit."""
    error = ops.square(made - true).reshape(made.shape[0], -1).mean(1)
    return ops.log(error + LEAST_ERROR).mean()


def distillation(flows: tuple[Tensor, ...], teacher: Tensor) -> Tensor:
    """Distance of flows to a teacher's, with less weight where they are far from it (IFRNet, arXiv 2205.14620, 3.3).

    Args:
        flows: (N, 4, h, w) in full-resolution pixels, finest first.
        teacher: (N, 4, H/4, W/4), likewise.
    """
    loss = 0.0
    for level in range(len(flows)):
        distance = flows[level] - _resized(teacher, flows[level])
        lengths = ops.sqrt(ops.square(both_sides(distance)).sum(1) + CHARBONNIER_FLOOR**2)
        weight = ops.exp(-ERROR_TRUST * ops.stop_gradient(lengths))
        loss = loss + LEVEL_FACTOR**level * (weight * lengths).mean()
    return loss


def explained_flow(flows: tuple[Tensor, ...], teacher: Tensor, left: Tensor, true: Tensor, right: Tensor) -> Tensor:
    """L1 distance of flows to a teacher's, with less weight where the teacher's does not explain the picture.

    Args:
        flows: (N, 4, h, w) in full-resolution pixels.
        teacher: (N, 4, H/4, W/4), likewise.
        left, true, right: (N, 3, H, W).
    """
    small = ops.cat((shrink(left, 4), shrink(right, 4)))
    middle = shrink(true, 4)
    both = both_sides(teacher)
    difference = ops.abs(warp(small, both / 4) - ops.cat((middle, middle))).mean(1).expand_dims(1)
    trust = ops.stop_gradient(ops.exp(-difference / COLOUR_TRUST))
    trust = ops.cat((trust, trust), 1)
    loss = 0.0
    for flow in flows:
        loss = loss + (trust * ops.abs(both_sides(_resized(flow, teacher)) - both)).mean()
    return loss


def _resized(flow: Tensor, like: Tensor) -> Tensor:
    """Resize a flow to the size of another; it stays in pixels of the picture."""
    if flow.shape[2:] == like.shape[2:]:
        return flow
    return resize(flow, like.shape[2:])


class Perceptual(nn.Cell):
    """LPIPS with VGG 16 (Zhang et al., CVPR 2018): distance of features, weighted by channel.

    The names of the parameters are those of torchvision's VGG 16 and of the authors' linear layers.
    """

    STAGES = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))  # widths of the convolutions
    SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)  # of pictures in -1..1

    def __init__(self) -> None:
        super().__init__()
        layers, inside = [], 3
        for stage in self.STAGES:
            for width in stage:
                layers += [nn.Conv2d(inside, width, 3, pad_mode="pad", padding=1, has_bias=True), nn.ReLU()]
                inside = width
            layers.append(nn.MaxPool2d(2, 2))
        self.features = nn.SequentialCell(layers)
        self.ends = tuple(place for place, layer in enumerate(layers) if isinstance(layer, nn.MaxPool2d))
        for number, stage in enumerate(self.STAGES):
            self.insert_child_to_cell(f"lin{number}", _Linear(stage[-1]))
        self.linear = (self.lin0, self.lin1, self.lin2, self.lin3, self.lin4)
        for parameter in self.get_parameters():
            parameter.requires_grad = False

    def construct(self, made: Tensor, true: Tensor) -> Tensor:
        """Return the mean over a batch of (N, 3, H, W) pictures in 0..1; H and W at least 16."""
        shift = Tensor(self.SHIFT, ms.float32).reshape(1, 3, 1, 1)
        scale = Tensor(self.SCALE, ms.float32).reshape(1, 3, 1, 1)
        x = (2 * ops.cat((made, true)) - 1 - shift) / scale
        loss, place = 0.0, 0
        for number in range(len(self.ends)):
            while place < self.ends[number]:
                x = self.features[place](x)
                place += 1
            unit = x / (ops.sqrt(ops.square(x).sum(1, keepdims=True)) + 1e-10)
            ours, theirs = equal_parts(unit, 2, 0)
            loss = loss + self.linear[number](ops.square(ours - theirs)).mean()
        return loss


class _Linear(nn.Cell):
    """Weights of channels, under the authors' name."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.model = nn.SequentialCell(nn.Identity(), nn.Conv2d(width, 1, 1, has_bias=False))

    def construct(self, x: Tensor) -> Tensor:
        return self.model(x)

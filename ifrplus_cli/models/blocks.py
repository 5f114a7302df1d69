"""Building blocks of the IFR+ network: ConvNeXt V2 encoders, residual block with deformable convolutions, GridNet.

Layers take and return (N, C, H, W) of the same type. Averages over channels or pixels, and sampling positions, are
float32 even if that type is float16.
"""

from __future__ import annotations

import mindspore as ms
import numpy as np
from mindspore import Parameter, Tensor, nn, ops
from mindspore.common.initializer import HeUniform, initializer

from ifrplus_cli.models.ops import (
    convolve,
    deformable_conv,
    equal_parts,
    gelu,
    layer_norm,
    prelu,
    resize,
    scale_channels,
    spatial_mean,
    split,
)


def conv(inside: int, outside: int, size: int = 3, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    """Convolution with bias and zero padding of ``(size - 1) // 2`` on all sides."""
    return nn.Conv2d(
        inside, outside, size, stride, pad_mode="pad", padding=(size - 1) // 2, group=groups, has_bias=True
    )


class ClampedPReLU(nn.Cell):
    """Leaky ReLU with a learned slope for each channel, or one for all channels; a negative slope counts as 0."""

    def __init__(self, slopes: int) -> None:
        super().__init__()
        self.weight = Parameter(np.full(slopes, 0.25, np.float32))

    def construct(self, x: Tensor) -> Tensor:
        return prelu(x, ops.relu(self.weight))


class LayerNorm2d(nn.Cell):
    """Layer normalisation over the channels of every pixel (arXiv 1607.06450)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = Parameter(np.ones(channels, np.float32))
        self.bias = Parameter(np.zeros(channels, np.float32))

    def construct(self, x: Tensor) -> Tensor:
        return ops.cast(layer_norm(ops.cast(x, ms.float32), self.weight, self.bias), x.dtype)


class ResponseNorm(nn.Cell):
    """Global response normalisation (ConvNeXt V2, arXiv 2301.00808, section 3.2)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = Parameter(np.zeros(channels, np.float32))
        self.bias = Parameter(np.zeros(channels, np.float32))

    def construct(self, x: Tensor) -> Tensor:
        height, width = x.shape[2:]
        full = ops.cast(x, ms.float32)
        norm = ops.sqrt(spatial_mean(full * full) * (height * width))
        share = norm / (norm.mean(1, keep_dims=True) + 1e-6)
        return ops.cast(ops.bias_add(scale_channels(full, 1 + self.weight * share), self.bias), x.dtype)


class Mlp(nn.Cell):
    """Point-wise half of a ConvNeXt V2 block."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fc1 = conv(channels, 4 * channels, 1)
        self.grn = ResponseNorm(4 * channels)
        self.fc2 = conv(4 * channels, channels, 1)

    def construct(self, x: Tensor) -> Tensor:
        return self.fc2(self.grn(gelu(self.fc1(x))))


class ConvNeXtBlock(nn.Cell):
    """Depthwise 7x7 convolution and point-wise layers, added to the input (arXiv 2301.00808)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv_dw = conv(channels, channels, 7, groups=channels)
        self.norm = LayerNorm2d(channels)
        self.mlp = Mlp(channels)

    def construct(self, x: Tensor) -> Tensor:
        return x + self.mlp(self.norm(self.conv_dw(x)))


class Stage(nn.Cell):
    """``depth`` blocks of ``outside`` channels, after a layer that halves the size if the width changes."""

    def __init__(self, inside: int, outside: int, depth: int) -> None:
        super().__init__()
        self.downsample = nn.SequentialCell()
        if inside != outside:
            self.downsample = nn.SequentialCell(LayerNorm2d(inside), conv(inside, outside, 2, stride=2))
        self.blocks = nn.SequentialCell(*(ConvNeXtBlock(outside) for _ in range(depth)))

    def construct(self, x: Tensor) -> Tensor:
        return self.blocks(self.downsample(x))


class ConvNeXtEncoder(nn.Cell):
    """ConvNeXt V2 pyramid of images (N, 3, H, W): 48, 96, 192 and 384 channels at 1/2, 1/4, 1/8 and 1/16."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.SequentialCell(conv(3, 48, 4, stride=2), LayerNorm2d(48))
        self.pyramid1 = nn.SequentialCell(Stage(48, 48, 2))
        self.pyramid2 = nn.SequentialCell(Stage(48, 96, 2))
        self.pyramid3 = nn.SequentialCell(Stage(96, 192, 6))
        self.pyramid4 = nn.SequentialCell(Stage(192, 384, 2))

    def construct(self, images: Tensor) -> tuple[Tensor, ...]:
        first = self.pyramid1(self.stem(images))
        second = self.pyramid2(first)
        third = self.pyramid3(second)
        return first, second, third, self.pyramid4(third)


class RefinerEncoder(nn.Cell):
    """ConvNeXt V2 pyramid of images (N, 3, H, W): 24, 48 and 96 channels at 1/1, 1/2 and 1/4."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.SequentialCell(conv(3, 24), LayerNorm2d(24))
        self.pyramid1 = nn.SequentialCell(Stage(24, 24, 2))
        self.pyramid2 = nn.SequentialCell(Stage(24, 48, 2))
        self.pyramid3 = nn.SequentialCell(Stage(48, 96, 2))

    def construct(self, images: Tensor) -> tuple[Tensor, ...]:
        first = self.pyramid1(self.stem(images))
        second = self.pyramid2(first)
        return first, second, self.pyramid3(second)


class Adapter(nn.Cell):
    """One 1x1 convolution and ClampedPReLU for each level of a pyramid."""

    def __init__(self, inside: tuple[int, ...], outside: tuple[int, ...]) -> None:
        super().__init__()
        self.conv = nn.CellList(
            [nn.SequentialCell(conv(a, b, 1), ClampedPReLU(b)) for a, b in zip(inside, outside, strict=True)]
        )

    def construct(self, levels: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        adapted = ()
        for number in range(len(levels)):
            adapted += (self.conv[number](levels[number]),)
        return adapted


class ChannelAttention(nn.Cell):
    """Squeeze and excitation with a reduction of 16 (arXiv 1709.01507)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.SequentialCell(
            conv(channels, channels // 16, 1), nn.ReLU(), conv(channels // 16, channels, 1), nn.Sigmoid()
        )

    def construct(self, x: Tensor) -> Tensor:
        mean = spatial_mean(ops.cast(x, ms.float32))
        factor = ops.cast(self.conv(mean.reshape(*mean.shape, 1, 1)), x.dtype)
        return scale_channels(x, factor.reshape(mean.shape))


class DeformableConv(nn.Cell):
    """Modulated deformable 3x3 convolution, offsets and masks predicted from its input (arXiv 1811.11168)."""

    def __init__(self, channels: int, groups: int = 4) -> None:
        super().__init__()
        self.sizes = (groups * 18, groups * 9)
        self.groups = groups
        self.weight = Parameter(initializer(HeUniform(), (channels, channels, 3, 3)))
        self.bias = Parameter(np.zeros(channels, np.float32))
        self.conv_offset = conv(channels, groups * 27)

    def construct(self, x: Tensor) -> Tensor:
        offset, mask = split(self.conv_offset.weight, self.sizes, 0)
        kernels = tap_filters(offset, mask, self.groups)
        offset, mask = split(self.conv_offset.bias, self.sizes, 0)
        return deform(x, x, None, kernels, tap_filters(offset, mask, self.groups), self.weight, self.bias)


def tap_filters(offset: Tensor, mask: Tensor, groups: int) -> tuple[Tensor, ...]:
    """Sort kernels, or biases, of the convolutions that predict offsets and masks, as ``deform`` needs them.

    Args:
        offset: (groups * 18, ...), for each group and tap y, then x.
        mask: (groups * 9, ...), for each group and tap.

    Returns:
        For each group (27, ...): x of the nine taps, then y, then the masks.
    """
    rest = offset.shape[1:]
    down, right = ops.unstack(offset.reshape(groups, 9, 2, *rest), 2)
    return ops.unstack(ops.cat((right, down, mask.reshape(groups, 9, *rest)), 1))


def deform(
    x: Tensor,
    guide: Tensor,
    flow: Tensor | None,
    kernels: tuple[Tensor, ...],
    biases: tuple[Tensor, ...],
    weight: Tensor,
    bias: Tensor,
) -> Tensor:
    """Modulated deformable 3x3 convolution in which each group of channels has its own offsets and masks.

    Args:
        x: (N, C, H, W).
        guide: (N, G, H, W), from which offsets and masks are predicted.
        flow: (N, 2, H, W) float32, added to the offsets of every tap; or None.
        kernels, biases: of that prediction, (27, G, 3, 3) and (27,) for each group, as ``tap_filters`` sorts them.
        weight, bias: (O, C, 3, 3) and (O,), of the convolution itself.

    Returns:
        (N, O, H, W), of the type of ``x``.
    """
    parts = equal_parts(x, len(kernels))
    weights = equal_parts(ops.cast(weight, x.dtype), len(kernels))
    total = None
    for group in range(len(kernels)):
        taps = convolve(guide, ops.cast(kernels[group], x.dtype), padding=1)
        taps = ops.cast(ops.bias_add(taps, ops.cast(biases[group], x.dtype)), ms.float32)
        right, down, mask = equal_parts(taps, 3)
        if flow is not None:
            across, along = equal_parts(flow, 2)
            right = right + ops.tile(across, (1, 9, 1, 1))
            down = down + ops.tile(along, (1, 9, 1, 1))
        part = deformable_conv(parts[group], right, down, ops.sigmoid(mask), weights[group])
        total = part if total is None else total + part
        # The next group waits for this one, since the offsets of all groups would fill gigabytes at large sizes.
        guide = ops.depend(guide, total)
    return ops.bias_add(total, ops.cast(bias, x.dtype))


class SideBlock(nn.SequentialCell):
    """The layers that the side channels of a residual block pass through."""

    def __init__(self, channels: int) -> None:
        super().__init__(DeformableConv(channels), ClampedPReLU(channels), ChannelAttention(channels))


class AttentionResBlock(nn.Cell):
    """Residual block of IFRNet (arXiv 2205.14620, figure 4), whose last ``side`` channels are convolved once more."""

    def __init__(self, channels: int, side: int = 64) -> None:
        super().__init__()
        self.sizes = (channels - side, side)
        self.conv1 = nn.SequentialCell(conv(channels, channels), ClampedPReLU(channels))
        self.conv2 = SideBlock(side)
        self.conv3 = nn.SequentialCell(conv(channels, channels), ClampedPReLU(channels))
        self.conv4 = SideBlock(side)
        self.conv5 = conv(channels, channels)
        self.prelu = ClampedPReLU(channels)
        self.attention = ChannelAttention(channels)

    def construct(self, x: Tensor) -> Tensor:
        main, side = split(self.conv1(x), self.sizes)
        main, side = split(self.conv3(ops.cat((main, self.conv2(side)), 1)), self.sizes)
        change = self.conv5(ops.cat((main, self.conv4(side)), 1))
        return self.prelu(x + self.attention(change))


class Enlarge(nn.Cell):
    """(N, C, H, W) to (N, C, 2H, 2W), bilinear with aligned corners."""

    def construct(self, x: Tensor) -> Tensor:
        height, width = x.shape[2:]
        return resize(x, (2 * height, 2 * width), align_corners=True)


def two_convs(inside: int, outside: int, stride: int = 1) -> tuple[nn.Cell, ...]:
    """The two-convolution path of which GridNet consists; each convolution follows its ClampedPReLU."""
    return ClampedPReLU(1), conv(inside, outside, stride=stride), ClampedPReLU(1), conv(outside, outside)


class GridNet(nn.Cell):
    """Fuse a pyramid of three levels into one image (GridNet, arXiv 1707.07958): three rows, six columns.

    The first three columns go down from row to row, the last three go up. Layer ``row_k_n`` leads from column n of
    row k to the next column; ``col_k_n`` joins rows k and k + 1 in column n.
    """

    def __init__(self, inside: tuple[int, int, int]) -> None:
        super().__init__()
        widths = (32, 64, 96)
        for row, width in enumerate(widths):
            first = (conv(inside[row], width), ClampedPReLU(1), conv(width, width))
            self.insert_child_to_cell(f"row_{row + 1}_in", nn.SequentialCell(*first))
            for column in range(1, 6):
                self.insert_child_to_cell(f"row_{row + 1}_{column}", nn.SequentialCell(*two_convs(width, width)))
        for row in (0, 1):
            upper, lower = widths[row : row + 2]
            for column in (1, 2, 3):
                down = two_convs(upper, lower, stride=2)
                self.insert_child_to_cell(f"col_{row + 1}_{column}", nn.SequentialCell(*down))
            for column in (4, 5, 6):
                up = (Enlarge(), *two_convs(lower, upper))
                self.insert_child_to_cell(f"col_{row + 1}_{column}", nn.SequentialCell(*up))
        self.row_1_out = nn.SequentialCell(*two_convs(widths[0], 3))

    def construct(self, first: Tensor, second: Tensor, third: Tensor) -> Tensor:
        """Map (N, 72, H, W), (N, 144, H/2, W/2) and (N, 288, H/4, W/4) to (N, 3, H, W)."""
        first = self.row_1_in(first)
        second = self.row_2_in(second) + self.col_1_1(first)
        third = self.row_3_in(third) + self.col_2_1(second)

        first = first + self.row_1_1(first)
        second = second + self.row_2_1(second) + self.col_1_2(first)
        third = third + self.row_3_1(third) + self.col_2_2(second)

        first = first + self.row_1_2(first)
        second = second + self.row_2_2(second) + self.col_1_3(first)
        third = third + self.row_3_2(third) + self.col_2_3(second)

        third = third + self.row_3_3(third)
        second = second + self.row_2_3(second) + self.col_2_4(third)
        first = first + self.row_1_3(first) + self.col_1_4(second)

        third = third + self.row_3_4(third)
        second = second + self.row_2_4(second) + self.col_2_5(third)
        first = first + self.row_1_4(first) + self.col_1_5(second)

        third = third + self.row_3_5(third)
        second = second + self.row_2_5(second) + self.col_2_6(third)
        first = first + self.row_1_5(first) + self.col_1_6(second)
        return self.row_1_out(first)

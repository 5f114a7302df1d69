"""Build RIFE as an ONNX graph that computes the same as ``rife.py``, in the forms that are fastest on a CPU.

What follows from the parameters alone (factors that go into kernels, kernels of transposed convolutions as those of
plain ones) is computed once, when the graph is opened.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import onnx

from ifrplus_cli.models.onnx_graph import BANDS, Graph, Parameter, to_fours, warp
from ifrplus_cli.models.rife_layers import CELLS, ENCODED, HIDDEN, RESIDUAL_LAYERS, WIDTHS

SLOPE = 0.2  # of every leaky ReLU
PAIR = 2 * (3 + ENCODED)  # channels of two frames with their encodings
# The channels that a kernel sees first are left, right, and their encodings; here each frame is beside its encoding.
ORDER = (0, 1, 2, 6, 7, 8, 9, 3, 4, 5, 10, 11, 12, 13)


def build(flow_scale: float, parameters: Sequence[Parameter], card: Mapping[str, str]) -> onnx.ModelProto:
    """Build the network as a graph.

    Args:
        parameters: with their names in MindSpore.
        card: metadata of the graph.
    """
    g = Graph(parameters)
    images = g.channels(g.cat("left", "right"), 3)
    blend(g, images, *estimate(g, images, [round(cell / flow_scale) for cell in CELLS]))
    picture = (3, "height", "width")
    inputs = {"left": picture, "right": picture, "t": (1, 1, 1)}
    doc = "The network rife of ifrplus. Arguments and weights are those of ifrplus_cli/models/rife.py."
    return g.model("rife", doc, inputs, card)


def blend(g: Graph, images: str, flow: str, mask: str) -> None:
    """Warp both frames, and blend them by the sigmoid of the mask; see ``rife.blend``."""
    left, right = g.halves(g.channels(warp(g, images, flow, bands=BANDS), 6))
    g.finish("Add", right, g.multiply(g.node("Sigmoid", mask), g.subtract(left, right)))


def estimate(g: Graph, images: str, cells: Sequence[int]) -> tuple[str, str]:
    """Flow, and mask before its sigmoid, both at full size; see ``Rife.estimate``."""
    pair = g.cat(images, encode(g, images))
    seen = [g.channels(g.shrink_bilinear(pair, cells[0]), PAIR)]
    flow, others = block(g, 0, cells[0], seen, 1 + HIDDEN)
    flow = g.resize(flow, cells[0])
    for number in (1, 2, 3, 4):
        cell, kept = cells[number], 1 if number == 4 else 1 + HIDDEN
        seen = [warp_shrunk(g, pair, flow, cell), g.resize(others), g.shrink_bilinear(flow, cell)]
        change, others = block(g, number, cell, seen, kept)
        flow = g.add(flow, g.resize(change, cell))
    return flow, g.resize(others, cells[4])


def warp_shrunk(g: Graph, pair: str, flow: str, cell: int) -> str:
    """Warp, then shrink; see ``ops.warp_shrunk``: (2N, 7, H, W) by (N, 4, H, W) to (N, 14, h, w)."""
    if cell == 1:
        return g.channels(warp(g, pair, flow, bands=BANDS), PAIR)
    middles = warp(g, pair, g.centres(flow, cell), middles=cell, bands=BANDS)
    return g.channels(g.shrink(middles, 2), PAIR)


def encode(g: Graph, images: str) -> str:
    """Encoding of frames, at full size."""
    x = layer(g, "encode.cnn0", images, 2)
    x = layer(g, "encode.cnn2", layer(g, "encode.cnn1", x))
    return transposed(g, x, "encode.cnn3.weight", "encode.cnn3.bias", ENCODED)


def block(g: Graph, number: int, cell: int, seen: Sequence[str], kept: int) -> list[str]:
    """Change of the flow in pixels, and the first ``kept`` of the other channels that a block makes."""
    name = f"block{number}"
    x = layer(g, f"{name}.conv0.1.0", first_layer(g, f"{name}.conv0.0.0", seen, cell), 2)
    for residual in range(RESIDUAL_LAYERS):
        x = residual_layer(g, f"{name}.convblock.{residual}", x, WIDTHS[number])
    made = last_layer(g, f"{name}.lastconv.0", x, cell, 4 + kept)
    return g.parts("Split", made, g.integers(4, kept), count=2, axis=1)


def first_layer(g: Graph, name: str, seen: Sequence[str], cell: int) -> str:
    """The layer that sees pictures, the timestep, what the block before made, and the flow in pixels."""
    pictures, *others = seen
    inside = g.shapes[f"{name}.weight"][1]
    weight = g.node("Gather", f"{name}.weight", g.integers(*ORDER, *range(PAIR, inside)), axis=1)
    if extra := to_fours(inside):  # of the first block, whose timestep comes twice, once with a kernel of zeros
        weight = g.node("Pad", weight, g.integers(0, 0, 0, 0, 0, extra, 0, 0))
    else:  # a block knows flow in pixels of its own
        weight = g.multiply(weight, g.constant(scaled_channels(inside, inside - 4, inside, 1 / cell)))
    size = g.node("Shape", pictures, start=2)
    when = g.node("Expand", "t", g.cat(g.node("Shape", pictures, end=1), g.integers(1 + extra), size, axis=0))
    x = g.cat(pictures, when, *others)
    return g.leaky(g.convolve(x, weight, f"{name}.bias", size=3, stride=2), SLOPE)


def layer(g: Graph, name: str, x: str, stride: int = 1) -> str:
    return g.leaky(g.convolve(x, f"{name}.weight", f"{name}.bias", size=3, stride=stride), SLOPE)


def residual_layer(g: Graph, name: str, x: str, width: int) -> str:
    """A residual layer as one convolution: its factors scale the kernel, and the input is added at the middle."""
    factors = g.node("Reshape", f"{name}.beta", g.integers(-1, 1, 1, 1))
    weight = g.add(g.multiply(f"{name}.conv.weight", factors), g.passing_on(width))
    bias = g.multiply(f"{name}.conv.bias", g.node("Reshape", factors, g.integers(-1)))
    return g.leaky(g.convolve(x, weight, bias, size=3), SLOPE)


def last_layer(g: Graph, name: str, x: str, cell: int, kept: int) -> str:
    """The layer that makes what a block hands on, of which the first ``kept`` channels are needed."""
    count = g.integers(4 * kept)
    factors = scaled_channels(4 * kept, 0, 16, cell)
    weight = g.multiply(g.node("Slice", f"{name}.weight", g.integers(0), count, g.integers(1)), g.constant(factors))
    bias = g.node("Slice", f"{name}.bias", g.integers(0), count, g.integers(0))
    bias = g.multiply(bias, g.constant(factors.reshape(-1)))
    return g.shuffle(transposed(g, x, weight, bias, 4 * kept))


def scaled_channels(count: int, begin: int, end: int, factor: float) -> npt.NDArray[np.float32]:
    """Factors of channels, (1, count, 1, 1): ``factor`` from ``begin`` to ``end``, and one elsewhere."""
    factors = np.ones((1, count, 1, 1), np.float32)
    factors[:, begin:end] = factor
    return factors


def transposed(g: Graph, x: str, weight: str, bias: str, outside: int) -> str:
    """Transposed convolution with a (C, outside, 4, 4) kernel that doubles the size, as one with kernels of 2x2.

    Around each corner where four pixels meet lie four of the result, which see these four pixels and no others. ONNX
    Runtime's own takes twice as long.
    """
    corners = g.node("Reshape", weight, g.integers(-1, outside, 2, 2, 2, 2))
    corners = g.node("Slice", corners, g.integers(1, 1), g.integers(-3, -3), g.integers(2, 4), g.integers(-1, -1))
    kernel = g.node("Transpose", corners, perm=[1, 3, 5, 0, 2, 4])
    kernel = g.node("Reshape", kernel, g.integers(4 * outside, -1, 2, 2))
    repeated = g.node("Expand", g.node("Unsqueeze", bias, g.integers(1)), g.integers(outside, 4))
    repeated = g.node("Reshape", repeated, g.integers(-1))
    x = g.shuffle(g.node("Conv", x, kernel, repeated, kernel_shape=[2, 2], pads=[1, 1, 1, 1]))
    return g.node("Slice", x, g.integers(1, 1), g.integers(-1, -1), g.integers(2, 3))

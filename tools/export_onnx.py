"""Writes the lite network as an ONNX graph that takes its weights from the safetensors file beside it.

    python tools/export_onnx.py weights/lite.safetensors weights/lite.onnx

The graph computes what ``ifrplus_cli/models/lite.py`` does, and its parts have the same names. It is built node by node
in the forms that ONNX Runtime is fastest with on a CPU:

- Left and right frames are neighbouring channels. Seen as a batch of both, or as one picture of twice the channels,
  they are the same memory: nothing is split or joined between the two.
- Convolutions see input channels by fours; others run in a form that is a fifth slower.
- The last stage sees the warped frames unfolded by a strided convolution instead of being handed blocks of pixels.
- Frames are centred around zero from the first node to the last layer, whose bias takes them back.

All that this asks of the weights is done by nodes that ONNX Runtime works out once, when it loads the graph.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET, IR_VERSION = 17, 8
RADIUS = 3  # of the matching cost, in cells of 16 pixels
FLOW_SCALE = 32  # pixels of flow that the layers see as 1
DIFFERENCE_SCALE = 4  # between the two warped frames, as the layers see it
CENTRE = 0.5  # taken off all samples
TYPES = {"F16": TensorProto.FLOAT16, "F32": TensorProto.FLOAT}
BANDS = 8  # that pictures are warped in: sampling needs 56 bytes a pixel, which should be found in the cache


class Graph:
    """Nodes and constants of a graph in the making; what a method returns is the name of a value.

    Args:
        weights: safetensors file; its parameters are values of the graph, by their names.
    """

    def __init__(self, weights: Path) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.shapes: dict[str, list[int]] = {}
        self.values = [self._parameter(weights.name, *entry) for entry in _entries(weights)]
        self._constants: dict[tuple[str, tuple[int, ...], bytes], str] = {}

    def _parameter(self, file_name: str, name: str, kind: str, shape: list[int], begin: int, end: int) -> TensorProto:
        self.shapes[name] = shape
        external = TensorProto.EXTERNAL
        tensor = TensorProto(name=name, data_type=TYPES[kind], dims=shape, data_location=external)
        for key, value in (("location", file_name), ("offset", begin), ("length", end - begin)):
            tensor.external_data.add(key=key, value=str(value))
        return tensor

    def constant(self, value: object, dtype: type = np.float32) -> str:
        array = np.asarray(value, dtype)
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._constants:
            self._constants[key] = f"constant_{len(self._constants)}"
            self.values.append(numpy_helper.from_array(array, self._constants[key]))
        return self._constants[key]

    def integers(self, *values: int) -> str:
        return self.constant(values, np.int64)

    def parts(self, kind: str, *inputs: str, count: int, **attributes: object) -> list[str]:
        """Adds a node with several outputs."""
        name = f"{kind}_{len(self.nodes)}"
        outputs = [f"{name}:{number}" for number in range(count)]
        self.nodes.append(helper.make_node(kind, inputs, outputs, name, **attributes))
        return outputs

    def node(self, kind: str, *inputs: str, **attributes: object) -> str:
        """Adds a node with one output."""
        return self.parts(kind, *inputs, count=1, **attributes)[0]

    def add(self, a: str, b: str) -> str:
        return self.node("Add", a, b)

    def subtract(self, a: str, b: str) -> str:
        return self.node("Sub", a, b)

    def multiply(self, a: str, b: str) -> str:
        return self.node("Mul", a, b)

    def divide(self, a: str, b: str) -> str:
        return self.node("Div", a, b)

    def scale(self, x: str, factor: float) -> str:
        return self.multiply(x, self.constant(factor))

    def cat(self, *parts: str, axis: int = 1) -> str:
        return self.node("Concat", *parts, axis=axis)

    def halves(self, x: str, axis: int = 1) -> list[str]:
        return self.parts("Split", x, count=2, axis=axis)

    def channels(self, x: str, count: int) -> str:
        """(N, C, H, W) as (N C / count, count, H, W)."""
        return self.node("Reshape", x, self.integers(-1, count, 0, 0))

    def size(self, x: str) -> list[str]:
        """Height and width, each as (1,) int64."""
        return self.halves(self.node("Shape", x, start=2), axis=0)

    def number(self, length: str) -> str:
        """(1,) int64 as a float."""
        return self.node("Cast", self.node("Squeeze", length), to=TensorProto.FLOAT)

    def parameter(self, name: str) -> str:
        return self.node("Cast", name, to=TensorProto.FLOAT)

    def convolve(self, x: str, weight: str, *bias: str, size: int, stride: int = 1) -> str:
        around = [(size - 1) // 2] * 4
        return self.node("Conv", x, weight, *bias, kernel_shape=[size, size], pads=around, strides=[stride, stride])

    def conv(self, name: str, x: str, stride: int = 1) -> str:
        """A layer by its name; channels of ``x`` beyond its own, which make them a multiple of four, weigh nothing."""
        _, inside, size, _ = self.shapes[f"{name}.weight"]
        weight = self.parameter(f"{name}.weight")
        if extra := _to_fours(inside):
            weight = self.node("Pad", weight, self.integers(0, 0, 0, 0, 0, extra, 0, 0))
        return self.convolve(x, weight, self.parameter(f"{name}.bias"), size=size, stride=stride)

    def leaky(self, x: str) -> str:
        return self.node("LeakyRelu", x, alpha=0.1)

    def layer(self, name: str, x: str, stride: int = 1) -> str:
        return self.leaky(self.conv(name, x, stride))

    def enlarge(self, x: str, factor: int = 2) -> str:
        """``factor`` times the size, bilinear, half-pixel centres."""
        scales = self.constant([1, 1, factor, factor])
        return self.node("Resize", x, "", scales, mode="linear", coordinate_transformation_mode="half_pixel")

    def shrink(self, x: str, factor: int) -> str:
        """The mean of each cell."""
        return self.node("AveragePool", x, kernel_shape=[factor, factor], strides=[factor, factor])

    def shuffle(self, x: str) -> str:
        """Pixel shuffle by 2."""
        return self.node("DepthToSpace", x, blocksize=2, mode="CRD")

    def time(self, like: str, name: str) -> str:
        """``t`` as planes of the size of ``like``: the last channel of layer ``name``, and what fills up the fours."""
        count = 1 + _to_fours(self.shapes[f"{name}.weight"][1])
        return self.node("Expand", "t", self.cat(self.integers(1, count), self.node("Shape", like, start=2), axis=0))


def _entries(weights: Path) -> list[tuple[str, str, list[int], int, int]]:
    """Name, type, shape, begin and end in the file of each parameter."""
    with weights.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
    header.pop("__metadata__", None)
    first = 8 + length
    return [
        (name, told["dtype"], told["shape"], *(first + offset for offset in told["data_offsets"]))
        for name, told in sorted(header.items())
    ]


def _to_fours(channels: int) -> int:
    """Channels that are missing to a multiple of four; none for pictures, which have a form of their own."""
    return 0 if channels == 3 else -channels % 4


def lite(g: Graph) -> None:
    """The whole network: see ``Lite.construct``."""
    frames = g.channels(g.subtract(g.cat("left", "right"), g.constant(CENTRE)), 3)
    eighth, sixteenth = encode(g, g.shrink(frames, 2))
    change, hidden = refine_sixteenth(g, sixteenth, g.shrink("prior", 4))
    change, hidden = refine_eighth(g, eighth, g.shrink("prior", 2), change, hidden)
    merge(g, frames, g.add("prior", change), hidden)


def encode(g: Graph, frames: str) -> tuple[str, str]:
    eighth = g.layer("encode_eighth", g.layer("encode_quarter", frames, 2), 2)
    eighth = g.layer("encode_eighth_more", eighth)
    return eighth, g.layer("encode_sixteenth_more", g.layer("encode_sixteenth", eighth, 2))


def refine_sixteenth(g: Graph, features: str, flow: str) -> tuple[str, str]:
    channels, signature = g.shapes["encode_sixteenth_more.weight"][0], g.shapes["signature.weight"][0]
    warped = warp(g, features, flow, cell=16)
    cost = matching_cost(g, *g.halves(g.channels(g.conv("signature", warped), 2 * signature)))
    both = g.channels(warped, 2 * channels)
    x = g.layer("match", g.cat(both, cost, g.scale(flow, 1 / FLOW_SCALE), g.time(flow, "match")))
    deep = g.layer("context_two", g.layer("context_one", g.layer("context_down", x, 2)))
    x = g.add(x, g.layer("context_up", g.enlarge(deep)))
    x = g.layer("sixteenth", x)
    return g.scale(g.shuffle(g.conv("sixteenth_flow", x)), 16), g.shuffle(g.layer("sixteenth_hidden", x))


def refine_eighth(g: Graph, features: str, flow: str, change: str, hidden: str) -> tuple[str, str]:
    flow = g.add(flow, change)
    both = g.channels(warp(g, features, flow, cell=8), 2 * g.shapes["encode_eighth_more.weight"][0])
    x = g.layer("eighth_in", g.cat(both, hidden, g.scale(flow, 1 / FLOW_SCALE), g.time(flow, "eighth_in")))
    x = g.add(x, g.layer("eighth_two", g.layer("eighth_one", x)))
    change = g.add(g.enlarge(change), g.scale(g.shuffle(g.conv("eighth_flow", x)), 8))
    return change, g.shuffle(g.layer("eighth_hidden", x))


def merge(g: Graph, frames: str, flow: str, hidden: str) -> None:
    warped = g.channels(warp(g, frames, flow, cell=1, enlarged=4), 6)
    x = g.layer("half_one", half_in(g, warped, g.enlarge(hidden)))
    bias = g.add(g.parameter("half_out.bias"), g.constant([0] * 4 + [CENTRE] * 12))
    out = g.shuffle(g.convolve(x, g.parameter("half_out.weight"), bias, size=3))
    mask, residual = g.parts("Split", out, g.integers(1, 3), count=2, axis=1)
    left, right = g.halves(warped)
    odds = g.divide(g.subtract(g.constant(1), "t"), "t")
    share = g.node("Sigmoid", g.add(mask, g.node("Log", odds)))
    blended = g.add(right, g.multiply(share, g.subtract(left, right)))
    g.nodes.append(helper.make_node("Add", [blended, residual], ["made"], "made"))


def half_in(g: Graph, warped: str, hidden: str) -> str:
    """The layer of this name on (N, 6, H, W) ``warped``, of which it wants mean and difference, unshuffled."""
    outside = g.shapes["half_in.weight"][0]
    blocks, rest = g.parts("Split", g.parameter("half_in.weight"), g.integers(24, 16), count=2, axis=1)
    # A block's pixel (i, j) under the kernel's (y, x) is what a kernel of twice the size sees at (2y + i, 2x + j).
    blocks = g.node("Reshape", blocks, g.integers(outside, 6, 2, 2, 3, 3))
    large = g.node("Reshape", g.node("Transpose", blocks, perm=[0, 1, 4, 2, 5, 3]), g.integers(outside, 6, 6, 6))
    mean, difference = g.halves(large)
    mean, difference = g.scale(mean, 1 / 2), g.scale(difference, DIFFERENCE_SCALE)
    of_sides = g.cat(g.add(mean, difference), g.subtract(mean, difference))
    unfolded = g.convolve(warped, of_sides, size=6, stride=2)
    return g.leaky(g.add(g.convolve(hidden, rest, g.parameter("half_in.bias"), size=3), unfolded))


def warp(g: Graph, image: str, flow: str, *, cell: int, enlarged: int = 1) -> str:
    """Backward warp of (2N, C, h, w) by (N, 4, h, w) flows to left and right, edges repeated.

    Args:
        cell: pixels of flow that are one pixel of ``image``.
        enlarged: times that the flow is smaller than ``image``.
    """
    height, width = g.size(image)
    x, y = g.halves(g.channels(flow, 2))
    rows = g.node("Unsqueeze", _centres(g, height), g.integers(1))
    places = [
        g.node("Unsqueeze", _places(g, part, length, grid, cell, enlarged), g.integers(4))
        for part, length, grid in ((x, width, _centres(g, width)), (y, height, rows))
    ]
    grid = g.node("Squeeze", g.cat(*places, axis=4), g.integers(1))

    def sample(part: str) -> str:
        # Three times as fast as edges that are repeated, or corners that are aligned.
        return g.node("GridSample", image, part, mode="bilinear", padding_mode="zeros", align_corners=0)

    if enlarged == 1:
        return sample(grid)
    return g.cat(*map(sample, g.parts("Split", grid, count=BANDS, axis=1)), axis=2)


def _centres(g: Graph, length: str) -> str:
    """Centres of pixels along an axis whose ends are at -1 and 1: (length,)."""
    zero, one = g.constant(0, np.int64), g.constant(1, np.int64)
    index = g.node("Cast", g.node("Range", zero, g.node("Squeeze", length), one), to=TensorProto.FLOAT)
    return g.subtract(g.divide(g.add(g.scale(index, 2), g.constant(1)), g.number(length)), g.constant(1))


def _places(g: Graph, flow: str, length: str, centres: str, cell: int, enlarged: int) -> str:
    """Where one component of a flow points, no farther than the outermost centres, so that edges are repeated."""
    flow = g.multiply(flow, g.divide(g.constant(2 / cell), g.number(length)))
    flow = g.enlarge(flow, enlarged) if enlarged > 1 else flow
    last = g.subtract(g.constant(1), g.divide(g.constant(1), g.number(length)))
    return g.node("Clip", g.add(flow, centres), g.node("Neg", last), last)


def matching_cost(g: Graph, left: str, right: str) -> str:
    """Mean absolute difference for every shift of ``right``, one row of shifts after the other to save memory."""
    height, width = g.size(left)
    side = 2 * RADIUS + 1
    padded = g.node("Pad", right, g.integers(0, 0, RADIUS, RADIUS, 0, 0, RADIUS, RADIUS))

    def part(x: str, start: int, length: str, axis: int) -> str:
        begin = g.integers(start)
        return g.node("Slice", x, begin, g.add(length, begin), g.integers(axis))

    third = g.integers(2)
    columns = g.cat(*(g.node("Unsqueeze", part(padded, x, width, 3), third) for x in range(side)), axis=2)
    fixed = g.node("Unsqueeze", left, third)
    rows = (g.node("Abs", g.subtract(part(columns, y, height, 3), fixed)) for y in range(side))
    return g.cat(*(g.node("ReduceMean", row, axes=[1], keepdims=0) for row in rows))


def export(weights: Path, target: Path) -> None:
    """Writes the graph; it finds ``weights`` by their name, in its own folder."""
    g = Graph(weights)
    lite(g)
    full, quarter = ("height", "width"), ("quarter_height", "quarter_width")
    inputs = {"left": (3, *full), "right": (3, *full), "prior": (4, *quarter), "t": (1, 1, 1)}
    graph = helper.make_graph(
        g.nodes,
        "lite",
        [_value(name, shape) for name, shape in inputs.items()],
        [_value("made", (3, *full))],
        g.values,
        doc_string="The lite network of ifrplus. Arguments and weights are those of ifrplus_cli/models/lite.py.",
    )
    model = helper.make_model(
        graph, producer_name="ifrplus", opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION
    )
    card = {
        "name": "lite",
        "weights": weights.name,
        "weights_sha256": hashlib.sha256(weights.read_bytes()).hexdigest(),
        "licence": "Apache-2.0",
    }
    helper.set_model_props(model, card)
    partial_file = target.with_suffix(".partial")
    partial_file.write_bytes(model.SerializeToString(deterministic=True))
    partial_file.replace(target)
    onnx.checker.check_model(target, full_check=True)


def _value(name: str, shape: Sequence[int | str]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, ("batch", *shape))


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path, help="safetensors file of the lite network")
    parser.add_argument("graph", type=Path, help="ONNX file to write, in the folder of the weights")
    options = parser.parse_args()
    export(options.weights, options.graph)


if __name__ == "__main__":
    main()

"""Building blocks of networks as ONNX graphs, in the forms that are fastest in ONNX Runtime on a CPU."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET, IR_VERSION = 17, 8
MICROSOFT = "com.microsoft"  # domain of ONNX Runtime's own operators
TYPES = {"F16": TensorProto.FLOAT16, "F32": TensorProto.FLOAT, "I32": TensorProto.INT32, "I8": TensorProto.INT8}
BANDS = 8  # bands in which pictures are warped: sampling needs 56 bytes a pixel, which should stay in the cache

Shape = tuple[int | str, ...]  # of a value, without the batch dimension


@dataclass(frozen=True)
class Parameter:
    """A parameter of a network, as stored in a safetensors file.

    Attributes:
        kind: ``F16`` or ``F32``, and in graphs in 8 bits ``I8`` or ``I32``.
        file_name: name of that file, in the folder of the graph.
        begin, end: byte range in that file.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    file_name: str
    begin: int = 0
    end: int = 0


def stored_parameters(weights: Path) -> list[Parameter]:
    """Return the parameters of a safetensors file.

    Raises:
        ValueError: if it is none.
    """
    with weights.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > weights.stat().st_size:  # it would take as much memory
            raise ValueError(f"{weights} has another format")
        header = json.loads(file.read(length))
    header.pop("__metadata__", None)
    first = 8 + length
    return [
        Parameter(
            name, entry["dtype"], tuple(entry["shape"]), weights.name, *(first + at for at in entry["data_offsets"])
        )
        for name, entry in sorted(header.items())
    ]


class Graph:
    """Nodes and constants of a graph under construction; methods return the names of values.

    Args:
        parameters: parameters of the network, which become values of the graph by their names.
    """

    def __init__(self, parameters: Iterable[Parameter]) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.values = [self._parameter(parameter) for parameter in parameters]
        self._constants: dict[tuple[str, tuple[int, ...], bytes], str] = {}

    def _parameter(self, stored: Parameter) -> TensorProto:
        self.shapes[stored.name] = stored.shape
        external = TensorProto.EXTERNAL
        tensor = TensorProto(name=stored.name, data_type=TYPES[stored.kind], dims=stored.shape, data_location=external)
        for key, value in (
            ("location", stored.file_name),
            ("offset", stored.begin),
            ("length", stored.end - stored.begin),
        ):
            tensor.external_data.add(key=key, value=str(value))
        return tensor

    def model(
        self,
        name: str,
        doc: str,
        inputs: Mapping[str, Shape],
        card: Mapping[str, str],
        output: tuple[str, Shape] | None = None,
    ) -> onnx.ModelProto:
        """Return the finished graph.

        Args:
            inputs: names and shapes.
            card: metadata of the file.
            output: name and shape; by default ``made``, a picture of the size of ``left``.
        """
        used = {name for node in self.nodes for name in node.input}
        graph = helper.make_graph(
            self.nodes,
            name,
            [_value(name, shape) for name, shape in inputs.items()],
            [_value(*(output or ("made", inputs["left"])))],
            [value for value in self.values if value.name in used],
            doc_string=doc,
        )
        domains = {"": OPSET, **({MICROSOFT: 1} if any(node.domain == MICROSOFT for node in self.nodes) else {})}
        opsets = [helper.make_opsetid(domain, version) for domain, version in domains.items()]
        model = helper.make_model(graph, producer_name="ifrplus", opset_imports=opsets, ir_version=IR_VERSION)
        helper.set_model_props(model, dict(card))
        return model

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
        """Add a node with several outputs."""
        name = f"{kind}_{len(self.nodes)}"
        outputs = [f"{name}:{number}" for number in range(count)]
        self.nodes.append(helper.make_node(kind, inputs, outputs, name, **attributes))
        return outputs

    def node(self, kind: str, *inputs: str, **attributes: object) -> str:
        """Add a node with one output."""
        return self.parts(kind, *inputs, count=1, **attributes)[0]

    def finish(self, kind: str, *inputs: str, name: str = "made", **attributes: object) -> None:
        """Add the last node, whose output is the graph's."""
        self.nodes.append(helper.make_node(kind, inputs, [name], name, **attributes))

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
        """Reshape (N, C, H, W) to (N C / count, count, H, W)."""
        return self.node("Reshape", x, self.integers(-1, count, 0, 0))

    def size(self, x: str) -> list[str]:
        """Height and width, each as (1,) int64."""
        return self.halves(self.node("Shape", x, start=2), axis=0)

    def number(self, length: str) -> str:
        """Convert (1,) int64 to a float."""
        return self.node("Cast", self.node("Squeeze", length), to=TensorProto.FLOAT)

    def parameter(self, name: str) -> str:
        return self.node("Cast", name, to=TensorProto.FLOAT)

    def convolve(self, x: str, weight: str, *bias: str, size: int, stride: int = 1) -> str:
        """Convolution; if ``size`` equals ``stride``, it sees patches that do not overlap."""
        around = [0 if size == stride else (size - 1) // 2] * 4
        return self.node("Conv", x, weight, *bias, kernel_shape=[size, size], pads=around, strides=[stride, stride])

    def conv(self, name: str, x: str, stride: int = 1) -> str:
        """Convolution by its layer's name; channels that pad ``x`` to a multiple of four get zero weights."""
        size = self.shapes[f"{name}.weight"][2]
        weight = self._padded_parameter(f"{name}.weight")
        return self.convolve(x, weight, self.parameter(f"{name}.bias"), size=size, stride=stride)

    def conv_of_parts(self, name: str, *parts: tuple[str, Sequence[int]]) -> str:
        """3x3 convolution by its layer's name, of values that are not joined before.

        Channels are computed in blocks of eight or sixteen: twenty take as long as thirty-two, unless four are apart.

        Args:
            parts: values, each with the numbers of its channels among those that the layer sees.
        """
        weight, bias = self.parameter(f"{name}.weight"), [self.parameter(f"{name}.bias")]
        made = []
        for x, channels in parts:
            made.append(self.convolve(x, self.node("Gather", weight, self.integers(*channels), axis=1), *bias, size=3))
            bias = []
        return reduce(self.add, made)

    def _padded_parameter(self, name: str) -> str:
        weight, extra = self.parameter(name), to_fours(self.shapes[name][1])
        return self.node("Pad", weight, self.integers(0, 0, 0, 0, 0, extra, 0, 0)) if extra else weight

    def passing_on(self, channels: int) -> str:
        """Kernel of 3x3 that returns its input: with it added, a convolution is a residual layer."""
        itself = self.node("EyeLike", self.node("ConstantOfShape", self.integers(channels, channels)))
        middle = self.node("Reshape", itself, self.integers(channels, channels, 1, 1))
        return self.node("Pad", middle, self.integers(0, 0, 1, 1, 0, 0, 1, 1))

    def narrow(self, name: str, *parts: str, counts: Sequence[int] = ()) -> str:
        """3x3 convolution by its layer's name, for few channels out.

        Kernels of 4x4 make four neighbouring points at once, as channels: blocks of sixteen channels are computed
        whether they are needed or not.

        Args:
            parts: what the layer sees, channels after channels; it is not joined before.
            counts: channels of each part; they can be left out for a single one.
        """
        outside, inside, _, _ = self.shapes[f"{name}.weight"]
        places = [(row, column) for row in (0, 1) for column in (0, 1)]
        around = [(0, 0, row, column, 0, 0, 1 - row, 1 - column) for row, column in places]
        shifted = [self.node("Pad", self.parameter(f"{name}.weight"), self.integers(*each)) for each in around]
        each = [self.node("Unsqueeze", kernel, self.integers(1)) for kernel in shifted]
        kernel = self.node("Reshape", self.cat(*each, axis=1), self.integers(4 * outside, inside, 4, 4))
        kernels = self.parts("Split", kernel, self.integers(*counts), count=len(counts), axis=1) if counts else [kernel]
        bias, made = [self._repeated(self.parameter(f"{name}.bias"), 4)], []
        for x, of_part in zip(parts, kernels, strict=True):
            window = {"kernel_shape": [4, 4], "pads": [1, 1, 1, 1], "strides": [2, 2]}
            made.append(self.node("Conv", x, of_part, *bias, **window))
            bias = []
        return self.shuffle(reduce(self.add, made))

    def enlarging(self, name: str, x: str, outside: int) -> str:
        """Transposed 4x4 convolution by its layer's name, then pixel shuffle: (N, C, h, w) to (N, outside, 4h, 4w).

        Around each corner where four points meet lie sixteen of the result, which see these four points and no
        others: this is a plain convolution with kernels of 2x2. ONNX Runtime's own takes twice as long.
        """
        kernel = self.node("Transpose", self.corner_kernel(name, outside), perm=[1, 5, 2, 7, 3, 0, 4, 6])
        kernel = self.node("Reshape", kernel, self.integers(16 * outside, -1, 2, 2))
        bias = self.node("Reshape", self.corner_bias(name, outside), self.integers(-1))
        x = self.shuffle(self.node("Conv", x, kernel, bias, kernel_shape=[2, 2], pads=[1, 1, 1, 1]), 4)
        return self.node("Slice", x, self.integers(2, 2), self.integers(-2, -2), self.integers(2, 3))

    def corner_kernel(self, name: str, outside: int) -> str:
        """Return the kernel of a transposed 4x4 convolution as (C, outside, 2, 2, 2, 2, 2, 2).

        The axes: channel in and out, row and column of the pixel shuffle; row of the point that is seen, row of what is
        made around the corner, the same for columns.
        """
        weight = self.parameter(f"{name}.weight")
        axes = self.node("Reshape", weight, self.integers(-1, outside, 2, 2, 2, 2, 2, 2))
        back, axis = self.integers(-1, -1), self.integers(4, 6)  # the point above sees the lower rows of the kernel
        return self.node("Slice", axes, self.integers(1, 1), self.integers(-3, -3), axis, back)

    def corner_bias(self, name: str, outside: int) -> str:
        """Return the bias of a transposed 4x4 convolution for what is made around a corner: (outside, 2, 2, 2, 2)."""
        bias = self.node("Reshape", self.parameter(f"{name}.bias"), self.integers(outside, 1, 2, 1, 2))
        return self.node("Expand", bias, self.integers(outside, 2, 2, 2, 2))

    def _repeated(self, bias: str, count: int) -> str:
        each = self.node("Expand", self.node("Unsqueeze", bias, self.integers(1)), self.integers(1, count))
        return self.node("Reshape", each, self.integers(-1))

    def leaky(self, x: str, slope: float = 0.1) -> str:
        return self.node("LeakyRelu", x, alpha=slope)

    def layer(self, name: str, x: str, stride: int = 1, slope: float = 0.1) -> str:
        return self.leaky(self.conv(name, x, stride), slope)

    def resize(self, x: str, factor: float = 2) -> str:
        """Resize by ``factor``, bilinear, with half-pixel centres."""
        if factor == 1:
            return x
        scales = self.constant([1, 1, factor, factor])
        return self.node("Resize", x, "", scales, mode="linear", coordinate_transformation_mode="half_pixel")

    def shrink(self, x: str, factor: int) -> str:
        """Take the mean of each cell."""
        return self.node("AveragePool", x, kernel_shape=[factor, factor], strides=[factor, factor])

    def centres(self, x: str, cell: int) -> str:
        """Take the 2x2 pixels in the middle of each cell: (N, C, H, W) to (N, C, 2H / cell, 2W / cell)."""
        if cell == 2:
            return x
        height, width = self.size(x)
        rows, columns = (self.divide(length, self.integers(cell)) for length in (height, width))
        cells = self.cat(self.integers(-1), rows, self.integers(cell), columns, self.integers(cell), axis=0)
        first = cell // 2 - 1
        begin, end, axes = self.integers(first, first), self.integers(first + 2, first + 2), self.integers(2, 4)
        taken = self.node("Slice", self.node("Reshape", x, cells), begin, end, axes)
        count = self.node("Shape", x, end=2)
        both = self.multiply(self.cat(rows, columns, axis=0), self.integers(2, 2))
        return self.node("Reshape", taken, self.cat(count, both, axis=0))

    def shrink_bilinear(self, x: str, cell: int) -> str:
        """Shrink by an even factor or 1, bilinear with half-pixel centres: the mean of each cell's middle."""
        return x if cell == 1 else self.shrink(self.centres(x, cell), 2)

    def largest(self, x: str, size: int) -> str:
        """Take the maximum over windows of ``size`` x ``size``, odd."""
        return self.node("MaxPool", x, kernel_shape=[size, size], pads=[size // 2] * 4, strides=[1, 1])

    def crop(self, x: str, like: str) -> str:
        """Crop ``x``, from its upper left corner, to the rows and columns of ``like``."""
        begin, axes = self.integers(0, 0), self.integers(2, 3)
        return self.node("Slice", x, begin, self.node("Shape", like, start=2), axes)

    def shuffle(self, x: str, factor: int = 2) -> str:
        """Pixel shuffle, columns before rows: ONNX Runtime's DepthToSpace takes twice as long."""
        size = self.node("Shape", x, start=2)
        columns = self.node("Transpose", self.channels(x, factor), perm=[0, 2, 3, 1])
        pairs = self.cat(self.integers(-1, factor), self.multiply(size, self.integers(1, factor)), axis=0)
        rows = self.node("Transpose", self.node("Reshape", columns, pairs), perm=[0, 2, 1, 3])
        count = self.node("Shape", x, end=1)
        whole = self.cat(count, self.integers(-1), self.multiply(size, self.integers(factor, factor)), axis=0)
        return self.node("Reshape", rows, whole)

    def planes(self, value: str, like: str, count: int = 1) -> str:
        """Planes of a value, (N, 1, 1, 1) or a number, at the size of ``like``."""
        return self.node("Expand", value, self.cat(self.integers(1, count), self.node("Shape", like, start=2), axis=0))


def to_fours(channels: int) -> int:
    """Channels missing to a multiple of four; none for pictures, for which there is a special kernel."""
    return 0 if channels == 3 else -channels % 4


def warp(
    g: Graph, image: str, flow: str, *, cell: float = 1, enlarged: float = 1, bands: int = 1, middles: int = 2
) -> str:
    """Backward-warp (2N, C, h, w) by (N, 4, h, w) flows to left and right, with repeated edges.

    Args:
        cell: pixels of flow that are one pixel of ``image``.
        enlarged: factor by which the flow is smaller than ``image``.
        bands: number of bands that are made one after the other; the height of what is made is a multiple of it.
        middles: size of cells of which only the 2x2 pixels in the middle are made, and for which there is flow.
    """
    height, width = g.size(image)
    x, y = g.halves(g.channels(flow, 2))
    columns, rows = _middles(g, _centres(g, width), middles), _middles(g, _centres(g, height), middles)
    rows = g.node("Unsqueeze", rows, g.integers(1))
    places = [
        g.node("Unsqueeze", _places(g, part, length, grid, cell, enlarged), g.integers(4))
        for part, length, grid in ((x, width, columns), (y, height, rows))
    ]
    grid = g.node("Squeeze", g.cat(*places, axis=4), g.integers(1))

    def sample(part: str) -> str:
        # Three times as fast as repeated edges or aligned corners.
        return g.node("GridSample", image, part, mode="bilinear", padding_mode="zeros", align_corners=0)

    if bands == 1:
        return sample(grid)
    return g.cat(*map(sample, g.parts("Split", grid, count=bands, axis=1)), axis=2)


def warp_cubic(g: Graph, image: str, flow: str) -> str:
    """Backward-warp (2N, C, h, w) by (N, 4, h, w) flows to left and right, bicubic, with repeated edges."""
    height, width = g.size(image)
    x, y = g.halves(g.channels(flow, 2))
    rows = g.node("Unsqueeze", _centres(g, height), g.integers(1))
    places = [
        g.add(g.multiply(part, g.divide(g.constant(2), g.number(length))), grid)
        for part, length, grid in ((x, width, _centres(g, width)), (y, height, rows))
    ]
    grid = g.node(
        "Squeeze", g.cat(*(g.node("Unsqueeze", place, g.integers(4)) for place in places), axis=4), g.integers(1)
    )
    return g.node("GridSample", image, grid, mode="bicubic", padding_mode="border", align_corners=0)


def _centres(g: Graph, length: str) -> str:
    """Centres of pixels along an axis whose ends are at -1 and 1: (length,)."""
    zero, one = g.constant(0, np.int64), g.constant(1, np.int64)
    index = g.node("Cast", g.node("Range", zero, g.node("Squeeze", length), one), to=TensorProto.FLOAT)
    return g.subtract(g.divide(g.add(g.scale(index, 2), g.constant(1)), g.number(length)), g.constant(1))


def _middles(g: Graph, centres: str, cell: int) -> str:
    """Take the two in the middle of each cell of (length,) centres."""
    if cell == 2:
        return centres
    first = cell // 2 - 1
    cells = g.node("Reshape", centres, g.integers(-1, cell))
    taken = g.node("Slice", cells, g.integers(first), g.integers(first + 2), g.integers(1))
    return g.node("Reshape", taken, g.integers(-1))


def _places(g: Graph, flow: str, length: str, centres: str, cell: float, enlarged: float) -> str:
    """Positions to which one component of a flow points, clamped to the outermost centres, so that edges repeat."""
    flow = g.multiply(flow, g.divide(g.constant(2 / cell), g.number(length)))
    flow = g.resize(flow, enlarged)
    last = g.subtract(g.constant(1), g.divide(g.constant(1), g.number(length)))
    return g.node("Clip", g.add(flow, centres), g.node("Neg", last), last)


def _value(name: str, shape: Shape) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, ("batch", *shape))

"""Read networks in ncnn's format, a text of layers (.param) and their numbers (.bin), without ncnn.

Nothing in the files is trusted: every layer is compared with the expected network, and every byte must belong to one.

``.param`` has a magic number, the counts of layers and blobs, and one line per layer: kind, name, numbers of inputs and
outputs, their blobs, and ``key=value`` settings. ``.bin`` has the numbers of all layers with parameters, one after the
other: a tag, weights and a bias for a convolution, slopes for a PReLU.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from ifrplus_cli.models.ifrnet_family import Layer

    Values = dict[str, npt.NDArray[np.float32]]

MAGIC = "7767517"
LARGEST_PARAM = 2**20  # bytes
FLOAT32, FLOAT16 = 0, 0x01306B47  # tags
WEIGHTLESS = frozenset(
    ("BinaryOp", "Concat", "Eltwise", "Input", "Interp", "Reduction", "Sigmoid", "Slice", "Split", "ifrnet.Warp")
)
ENCODERS = 2  # the encoder occurs once for each picture


@dataclass(frozen=True)
class Node:
    """A line of a .param file."""

    kind: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    settings: dict[int, str]


def read_ncnn(param: bytes, numbers: bytes, layers: Sequence[Layer]) -> Values:
    """Return a network's parameters by their names, as finite float32.

    Args:
        param, numbers: content of the .param and of the .bin file.
        layers: all layers with parameters, in the order in which the network runs them; the encoder's come first.

    Raises:
        ValueError: saying what is wrong with the files.
    """
    import numpy as np

    found: Values = {}
    rest = memoryview(numbers)
    for node, layer in _matched(_nodes(param), layers):
        values, rest = _take(node, layer, rest)
        for name, value in values.items():
            if not np.isfinite(value).all():
                raise ValueError(f"{node.name} has values that are not finite numbers")
            if not np.array_equal(found.setdefault(name, value), value):
                raise ValueError(f"{node.name} has other weights than the same layer for the other picture")
    if rest:
        raise ValueError(f"its .bin has {len(rest)} bytes more than its layers need")
    return found


def _nodes(param: bytes) -> list[Node]:
    if len(param) > LARGEST_PARAM:
        raise ValueError("its .param is too large")
    try:
        lines = param.decode("ascii").split("\n")
    except UnicodeDecodeError:
        raise ValueError("its .param is not a text file") from None
    lines = [line.strip() for line in lines if line.strip()]
    if len(lines) < 2 or lines[0] != MAGIC:
        raise ValueError(f"its .param does not begin with {MAGIC}")
    nodes = [_node(line) for line in lines[2:]]
    outputs = [blob for node in nodes for blob in node.outputs]
    if lines[1].split() != [str(len(nodes)), str(len(outputs))]:
        raise ValueError(f"its .param has {len(nodes)} layers and {len(outputs)} blobs, but states other numbers")
    known: set[str] = set()
    for node in nodes:
        if not known.issuperset(node.inputs):
            raise ValueError(f"{node.name} reads a blob that no layer before it writes")
        if not known.isdisjoint(node.outputs) or len(set(node.outputs)) < len(node.outputs):
            raise ValueError(f"{node.name} writes a blob that another layer writes")
        known.update(node.outputs)
    return nodes


def _node(line: str) -> Node:
    try:
        kind, name, inside, outside, *rest = line.split()
        count, ends = int(inside), int(inside) + int(outside)
        if not 0 <= count <= ends <= len(rest):
            raise ValueError
        pairs = [text.split("=", 1) for text in rest[ends:]]
        settings = {int(key): value for key, value in pairs}
        if len(settings) < len(pairs):
            raise ValueError
    except ValueError:
        raise ValueError(f"its .param has a line that is not a layer: {line[:60]!r}") from None
    return Node(kind, name, tuple(rest[:count]), tuple(rest[count:ends]), settings)


def _matched(nodes: Sequence[Node], layers: Sequence[Layer]) -> list[tuple[Node, Layer]]:
    """Match each line that has parameters with its layer in the network.

    The lines of the two encoders may be interleaved, so each encoder is followed from layer to layer. The layers after
    them have only one possible order.
    """
    encoder = [layer for layer in layers if layer.name.startswith("encoder.")]
    later = [layer for layer in layers if layer not in encoder]
    makers = {blob: node for node in nodes for blob in node.outputs}
    ends: dict[str, int] = {}  # progress of each encoder, by its last line
    matched: list[tuple[Node, Layer]] = []
    begun = done = 0
    for node in nodes:
        if node.kind in WEIGHTLESS:
            continue
        if len(node.inputs) != 1 or len(node.outputs) != 1:
            raise ValueError(f"{node.name} does not have exactly one input and one output")
        source = _maker(node, makers)
        at = ends.pop(source.name, None)
        if at is None and begun < ENCODERS:
            begun, at = begun + 1, 0
        if at is not None:
            layer = encoder[at]
            if at + 1 < len(encoder):
                ends[node.name] = at + 1
        elif done < len(later) and not ends:
            layer, done = later[done], done + 1
        else:
            raise ValueError(f"{node.name} is one layer too many")
        _check(node, layer)
        matched.append((node, layer))
    if begun < ENCODERS or ends or done < len(later):
        raise ValueError("layers are missing")
    return matched


def _maker(node: Node, makers: dict[str, Node]) -> Node:
    """Return the line that writes the input of a line, skipping Split layers."""
    maker = makers[node.inputs[0]]
    while maker.kind == "Split" and maker.inputs:
        maker = makers[maker.inputs[0]]
    return maker


def _check(node: Node, layer: Layer) -> None:
    if node.kind != layer.kind:
        raise ValueError(f"{node.name} is a {node.kind[:40]}, but the network has a {layer.kind} there")
    wanted = {0: layer.outside}
    usual: dict[int, int] = {}
    if layer.kind != "PReLU":
        kernel, stride, padding = layer.shape[-1], layer.stride, layer.padding
        wanted |= {1: kernel, 3: stride, 4: padding, 5: 1, 6: prod(layer.shape)}
        usual = {11: kernel, 13: stride, 14: padding, 2: 1, 12: 1}
        usual |= {18: 0, 19: 0} if layer.kind == "Deconvolution" else {}
    given = {key: node.settings.get(key, str(value)) for key, value in usual.items()}
    # Settings that default to 0.
    given |= {key: node.settings.get(key, {3: "1", 4: "0"}.get(key, "")) for key in wanted}
    if set(node.settings) - set(given) or any(given[key] != str(value) for key, value in {**usual, **wanted}.items()):
        size = "x".join(map(str, layer.shape))
        raise ValueError(f"{node.name} is not the {size} {layer.kind} that the network has there")


def _take(node: Node, layer: Layer, rest: memoryview) -> tuple[Values, memoryview]:
    """Take the parameters of a layer from the beginning of the numbers; return them and the rest."""
    if layer.kind == "PReLU":
        slopes, rest = _numbers(node, rest, prod(layer.shape), "<f4")
        return {f"{layer.name}.weight": slopes}, rest
    if len(rest) < 4:
        raise ValueError(f"its .bin ends before {node.name}")
    (tag,) = struct.unpack("<I", rest[:4])
    if tag not in (FLOAT32, FLOAT16):
        raise ValueError(f"{node.name} is stored as something other than float32 or float16")
    weight, rest = _numbers(node, rest[4:], prod(layer.shape), "<f4" if tag == FLOAT32 else "<f2")
    bias, rest = _numbers(node, rest, layer.outside, "<f4")
    if layer.kind == "Deconvolution":  # stored with the output channels first
        inside, outside, *kernel = layer.shape
        weight = weight.reshape(outside, inside, *kernel).swapaxes(0, 1)
    return {f"{layer.name}.weight": weight.reshape(layer.shape).copy(), f"{layer.name}.bias": bias}, rest


def _numbers(node: Node, rest: memoryview, count: int, dtype: str) -> tuple[npt.NDArray[np.float32], memoryview]:
    """Take ``count`` numbers; return them and the rest, which begins at a multiple of four bytes."""
    import numpy as np

    size = count * np.dtype(dtype).itemsize
    end = size + -size % 4
    if len(rest) < end:
        raise ValueError(f"its .bin ends within {node.name}")
    return np.frombuffer(rest[:size], dtype).astype(np.float32), rest[end:]

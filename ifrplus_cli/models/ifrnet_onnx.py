"""Build the IFRNet family as ONNX graphs that compute the same as ``ifrnet.py``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import onnx

from ifrplus_cli.models.ifrnet_family import Widths
from ifrplus_cli.models.onnx_graph import BANDS, Graph, Parameter, warp

HALFWAY = 0.5


def build(
    name: str,
    widths: Widths,
    flow_scale: float,
    any_timestep: bool,
    parameters: Sequence[Parameter],
    card: Mapping[str, str],
) -> onnx.ModelProto:
    """Build a member of the family as a graph.

    Args:
        parameters: with their names in MindSpore.
        card: metadata of the graph.
    """
    g = Graph(parameters)
    ifrnet(g, widths, flow_scale, "t" if any_timestep else g.constant([[[[HALFWAY]]]]))
    picture = (3, "height", "width")
    inputs = {"left": picture, "right": picture} | ({"t": (1, 1, 1)} if any_timestep else {})
    doc = f"The network {name} of ifrplus. Arguments and weights are those of ifrplus_cli/models/ifrnet.py."
    return g.model(name, doc, inputs, card)


def ifrnet(g: Graph, widths: Widths, flow_scale: float, when: str) -> None:
    """Build the whole network; see ``IfrNet.construct``.

    Args:
        when: the timestep, (N, 1, 1, 1).
    """
    both = g.cat("left", "right")
    mean = g.node("ReduceMean", both, axes=[1, 2, 3], keepdims=1)
    images = g.channels(g.subtract(both, mean), 3)
    flow, mask, residual = estimate(g, g.resize(images, flow_scale), widths, when)
    back = 1 / flow_scale
    warped = g.channels(warp(g, images, flow, cell=flow_scale, enlarged=back, bands=BANDS), 6)
    left, right = g.halves(warped)
    share = g.resize(g.node("Sigmoid", mask), back)
    blended = g.add(right, g.multiply(share, g.subtract(left, right)))
    made = g.add(g.add(blended, mean), g.resize(residual, back))
    g.finish("Clip", made, g.constant(0), g.constant(1))


def estimate(g: Graph, images: str, widths: Widths, when: str) -> tuple[str, str, str]:
    """Flow, mask before its sigmoid, and residual, all at the size of ``images``; see ``IfrNet.estimate``."""
    features = encode(g, images)
    pair = g.channels(features[3], 2 * widths.encoder[3])
    plane = g.cat(g.node("Shape", pair, end=1), g.integers(1), g.node("Shape", pair, start=2), axis=0)
    flow, hidden = decode(g, widths, 4, pair, g.node("Expand", when, plane))
    for number in (3, 2, 1):
        warped = warp(g, features[number - 1], flow)
        change, hidden = decode(g, widths, number, hidden, g.channels(warped, 2 * widths.encoder[number - 1]), flow)
        flow = g.add(change, g.scale(g.resize(flow), 2))
    mask, residual = g.parts("Split", hidden, g.integers(1, 3), count=2, axis=1)
    return flow, mask, residual


def encode(g: Graph, images: str) -> list[str]:
    """Features at 1/2, 1/4, 1/8 and 1/16."""
    features = [images]
    for number in (1, 2, 3, 4):
        name = f"encoder.pyramid{number}"
        features.append(layer(g, f"{name}.1", layer(g, f"{name}.0", features[-1], 2)))
    return features[1:]


def decode(g: Graph, widths: Widths, number: int, *seen: str) -> list[str]:
    """Run a decoder, and split off the four channels of flow; return them and the others."""
    name = f"decoder{number}.convblock"
    x = residual_block(g, f"{name}.1", layer(g, f"{name}.0", g.cat(*seen)), widths.side)
    weight, bias = f"{name}.2.weight", f"{name}.2.bias"
    x = g.node("ConvTranspose", x, weight, bias, kernel_shape=[4, 4], pads=[1, 1, 1, 1], strides=[2, 2])
    return g.parts("Split", x, g.integers(4, g.shapes[bias][0] - 4), count=2, axis=1)


def residual_block(g: Graph, name: str, x: str, side: int) -> str:
    sizes = g.integers(g.shapes[f"{name}.prelu.weight"][0] - side, side)
    y = x
    for one, other in (("conv1", "conv2"), ("conv3", "conv4")):
        main, rest = g.parts("Split", layer(g, f"{name}.{one}", y), sizes, count=2, axis=1)
        y = g.cat(main, layer(g, f"{name}.{other}", rest))
    return prelu(g, f"{name}.prelu", g.add(x, conv(g, f"{name}.conv5", y)))


def layer(g: Graph, name: str, x: str, stride: int = 1) -> str:
    return prelu(g, f"{name}.1", conv(g, f"{name}.0", x, stride))


def conv(g: Graph, name: str, x: str, stride: int = 1) -> str:
    size = g.shapes[f"{name}.weight"][2]
    return g.convolve(x, f"{name}.weight", f"{name}.bias", size=size, stride=stride)


def prelu(g: Graph, name: str, x: str) -> str:
    return g.node("PRelu", x, g.node("Unsqueeze", f"{name}.weight", g.integers(1, 2)))

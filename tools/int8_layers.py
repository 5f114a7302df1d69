"""Stages of the lite network on values of 8 bits, for CPUs that multiply these faster than floats.

The residual layers and the layer after them are computed in 8 bits. What they read is rounded and what they make; the
sums that pass from layer to layer stay floats, and so do the layers before, for an error there would stay in the
result. Values are unsigned, with a scale and a zero point for each place in the network (a ``Range``); kernels are
signed, with a scale for each channel that they make. Channels whose values are larger than those of others are divided
by a factor first: a leaky ReLU does not notice, so this changes nothing but the rounding.

The kernels in 8 bits have a safetensors file of their own: made when the graph is opened they would take three times as
long to open, and 100 MB; within the graph, 6 MB more than there. Everything else comes from the file of weights.
Channels come last, as the kernels for 8 bits want them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ifrplus_cli.models.lite_facts import (
    SLOPE,
)
from ifrplus_cli.models.onnx_graph import MICROSOFT, Graph

Values = npt.NDArray[np.float32]

LEVELS = 255  # steps of an unsigned value
LARGEST = 127  # of a kernel's values
SMALLEST = 1e-9  # scale of a kernel of zeros


@dataclass(frozen=True)
class Range:
    """Least and largest value at a place in the network, which lie around zero; what is beyond them is cut off."""

    least: float
    largest: float

    @property
    def scale(self) -> float:
        return (self.largest - self.least) / LEVELS

    @property
    def zero(self) -> int:
        return round(-self.least / self.scale)

    def after_leaky(self) -> Range:
        return Range(SLOPE * self.least, self.largest)


@dataclass(frozen=True)
class Calibration:
    """What ``calibrate_int8.py`` found.

    Attributes:
        factors: of the channels of each stage.
        ranges: of the sums that each layer's leaky ReLU gets, and of what each convolution adds to them, both divided
            by the factors.
    """

    factors: Mapping[str, list[float]]
    ranges: Mapping[str, Range]

    @classmethod
    def read(cls, path: Path) -> Calibration:
        told = json.loads(path.read_text())
        return cls(told["factors"], {place: Range(*ends) for place, ends in told["ranges"].items()})


def kernels_in_int8(found: Calibration, weights: Mapping[str, Values], layers: int) -> dict[str, npt.NDArray]:
    """Return what the stages multiply by and add, by its name in the graph."""
    kernels: dict[str, npt.NDArray] = {}
    for name, each in found.factors.items():
        factors = np.asarray(each, np.float32)
        at = found.ranges[f"{name}.down_two"].after_leaky()
        for number in range(layers):
            layer = f"{name}.layers.{number}"
            weight = weights[f"{layer}.weight"] * factors[:, np.newaxis, np.newaxis] / factors.reshape(-1, 1, 1, 1)
            codes, scales = _rounded(weight, axis=(1, 2, 3))
            bias = np.rint(weights[f"{layer}.bias"] / factors / (scales * at.scale)).astype(np.int32)
            kernels |= {f"{layer}.codes": codes, f"{layer}.scales": scales, f"{layer}.bias_codes": bias}
            at = found.ranges[layer].after_leaky()
        kernel = _around_corners(weights[f"{name}.up.weight"] * factors.reshape(-1, 1, 1, 1))
        codes, scales = _rounded(kernel, axis=0)
        biases = weights[f"{name}.up.bias"].astype(np.float32).reshape(-1, 1, 2, 1, 2)
        biases = np.broadcast_to(biases, (len(biases), 2, 2, 2, 2)).transpose(1, 2, 3, 4, 0).reshape(-1)
        kernels |= {f"{name}.up.codes": codes, f"{name}.up.scales": scales, f"{name}.up.biases": biases}
    return kernels


def stage_in_int8(g: Graph, name: str, x: str, outside: int, layers: int, found: Calibration) -> str:
    """Run a ``Stage`` of ``lite.py`` after its first layer: (N, C, h/2, w/2) to (N, outside, h, w) or larger."""
    y = _divided(g, f"{name}.down_two", x, g.constant(found.factors[name]))
    y = g.node("Transpose", g.leaky(y, SLOPE), perm=[0, 2, 3, 1])
    at = found.ranges[f"{name}.down_two"].after_leaky()
    for number in range(layers):
        layer = f"{name}.layers.{number}"
        change = _convolution(g, layer, _codes(g, y, at), at, found.ranges[f"{layer}.change"])
        y = g.leaky(g.add(change, y), SLOPE)
        at = found.ranges[layer].after_leaky()
    return _enlarging(g, f"{name}.up", _codes(g, y, at), at, outside)


def _divided(g: Graph, name: str, x: str, factors: str) -> str:
    """Convolve with stride 2 in floats; what comes out is divided by the factors."""
    weight = g.divide(g.parameter(f"{name}.weight"), g.node("Reshape", factors, g.integers(-1, 1, 1, 1)))
    return g.convolve(x, weight, g.divide(g.parameter(f"{name}.bias"), factors), size=3, stride=2)


def _codes(g: Graph, x: str, at: Range) -> str:
    return g.node("QuantizeLinear", x, *_told(g, at))


def _told(g: Graph, at: Range) -> tuple[str, str]:
    return g.constant(at.scale), g.constant(at.zero, np.uint8)


def _convolution(g: Graph, layer: str, x: str, at: Range, change: Range) -> str:
    """3x3 convolution of (N, h, w, C) codes: (N, h, w, C) floats."""
    around = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "strides": [1, 1]}
    kernel = (f"{layer}.codes", f"{layer}.scales", g.constant(0, np.int8))
    told = (*_told(g, at), *kernel, *_told(g, change), f"{layer}.bias_codes")
    made = g.node("QLinearConv", x, *told, domain=MICROSOFT, channels_last=1, **around)
    return g.node("DequantizeLinear", made, *_told(g, change))


def _rounded(weight: Values, axis: int | tuple[int, ...]) -> tuple[npt.NDArray[np.int8], Values]:
    """Round a kernel: its codes, and the scale of each channel that it makes."""
    scales = np.maximum(np.abs(weight).max(axis=axis, keepdims=True) / LARGEST, SMALLEST)
    return np.rint(weight / scales).astype(np.int8), scales.reshape(-1)


def _around_corners(weight: Values) -> Values:
    """Order a transposed 4x4 kernel as a matrix: four points around a corner to the sixteen that lie around it."""
    # The axes are those of Graph.corner_kernel.
    axes = weight.reshape(len(weight), -1, 2, 2, 2, 2, 2, 2)[:, :, :, :, ::-1, :, ::-1]
    return axes.transpose(4, 6, 0, 5, 2, 7, 3, 1).reshape(4 * len(weight), -1)


def _enlarging(g: Graph, name: str, x: str, at: Range, outside: int) -> str:
    """Compute what ``Graph.enlarging`` does: (N, h, w, C) codes to (N, outside, 4h, 4w) floats."""
    corners = _corners(g, x, at)
    scale, zero = _told(g, at)
    told = (f"{name}.codes", scale, f"{name}.scales", zero, g.constant(0, np.int8), f"{name}.biases")
    made = g.node("MatMulIntegerToFloat", corners, *told, domain=MICROSOFT)
    count, size, columns = (g.node("Shape", corners, start=k, end=end) for k, end in ((0, 1), (1, 3), (2, 3)))
    blocks = g.node("Reshape", made, g.cat(g.integers(-1), columns, g.integers(4, 4 * outside), axis=0))
    lines = g.node("Transpose", blocks, perm=[0, 2, 1, 3])
    whole = g.cat(count, g.multiply(size, g.integers(4, 4)), g.integers(outside), axis=0)
    picture = g.node("Slice", g.node("Reshape", lines, whole), g.integers(2, 2), g.integers(-2, -2), g.integers(1, 2))
    return g.node("Transpose", picture, perm=[0, 3, 1, 2])


def _corners(g: Graph, x: str, at: Range) -> str:
    """Put the four points around each corner side by side: (N, h, w, C) to (N, h + 1, w + 1, 4 C)."""
    padded = g.node("Pad", x, g.integers(0, 1, 1, 0, 0, 1, 1, 0), g.constant(at.zero, np.uint8))
    first, last = (g.integers(0), g.integers(-1)), (g.integers(1), g.integers(np.iinfo(np.int64).max))
    rows = [g.node("Slice", padded, *ends, g.integers(1)) for ends in (first, last)]
    return g.cat(*(g.node("Slice", row, *ends, g.integers(2)) for row in rows for ends in (first, last)), axis=3)

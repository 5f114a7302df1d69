"""Write the lite network as ONNX graphs that take their weights from the safetensors file beside them.

    python tools/export_onnx.py weights/lite.safetensors weights

``lite-features.onnx`` and ``lite.onnx`` compute what ``LiteFeatures`` and ``LiteParts`` do, for a CPU, where OpenCV
samples the frames several times as fast as ONNX Runtime: the first what depends on one frame alone, once for each
frame, the second all else, from what the first made of both frames. ``lite-int8.onnx`` takes the place of the second,
with the larger part of its stages in 8 bits (``int8_layers.py``), by what ``calibrate_int8.py`` wrote to ``int8.json``;
its kernels are in ``lite-int8.safetensors``. ``lite-whole.onnx`` computes the whole ``Lite.construct``, for
accelerators. The graphs are built node by node in the forms that are fastest in ONNX Runtime on a CPU:

- Left and right frames are neighbouring channels. A batch of both, and one picture of twice the channels, are the same
  memory: nothing is split or joined between the two views.
- Convolutions take input channels in multiples of four, except a last few: others run in a form that is a fifth slower.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path

import onnx
from int8_layers import Calibration, kernels_in_int8, stage_in_int8
from safetensors.numpy import save

from ifrplus_cli.files import sha256_of
from ifrplus_cli.models.lite_facts import (
    AGAINST,
    BAND,
    CHOICE,
    CROSSING,
    DIFFERENCE_SCALE,
    FEATURES,
    FLATNESS,
    HIDDEN,
    LAYERS,
    LONELINESS,
    SHARPNESS,
    SLOPE,
    SPREAD,
    STEEPER,
    STEPS,
)
from ifrplus_cli.models.onnx_graph import Graph, Shape, stored_parameters, to_fours, warp, warp_cubic
from ifrplus_cli.weights.reading import read_weights

CALIBRATION = Path(__file__).with_name("int8.json")

# The channels that a stage sees first are left, right, and their features; here each frame is beside its features.
ORDER = (0, 1, 2, 6, 7, 8, 9, 3, 4, 5, 10, 11, 12, 13)

# Stages whose pictures are large and whose kernels are small: for the others a sum takes no time, but a kernel memory.
LARGE_STAGES = ("at_quarter", "at_half")

BuildStage = Callable[[Graph, str, str, int], str]  # name, what the first layer made, channels of the output


def stage(g: Graph, name: str, x: str, outside: int) -> str:
    """Run a ``Stage`` after its first layer; at odd sizes its result is larger than what the stage saw."""
    return staged(g, name, x, outside, residual)


def stage_on_cpu(g: Graph, name: str, x: str, outside: int) -> str:
    """Run a ``Stage`` in the form that is fastest on a CPU.

    Accelerators may round what they convolve, and so what a residual layer that is one convolution passes on.
    """
    return staged(g, name, x, outside, residual_in_one if name in LARGE_STAGES else residual)


def staged(g: Graph, name: str, x: str, outside: int, layer: Callable[[Graph, str, str], str]) -> str:
    y = g.layer(f"{name}.down_two", x, 2, SLOPE)
    for number in range(LAYERS):
        y = layer(g, f"{name}.layers.{number}", y)
    return g.enlarging(f"{name}.up", y, outside)


def residual(g: Graph, name: str, x: str) -> str:
    return g.leaky(g.add(g.conv(name, x), x), SLOPE)


def residual_in_one(g: Graph, name: str, x: str) -> str:
    """A residual layer as one convolution, the middle of whose kernel passes its input on."""
    weight = g.add(g.parameter(f"{name}.weight"), g.passing_on(g.shapes[f"{name}.bias"][0]))
    return g.leaky(g.convolve(x, weight, g.parameter(f"{name}.bias"), size=3), SLOPE)


def features(g: Graph, frames: str) -> list[str]:
    """Build what sees each frame alone: of (N, 3, H, W) its half, (N, 3, H/2, W/2), and (N, 4, H/2, W/2) features."""
    return [g.shrink(frames, 2), encode(g, frames)]


def estimate(g: Graph, pictures: str, alike: str, build: BuildStage = stage) -> list[str]:
    """Build what estimates flows and shares; see ``Lite.estimate``.

    Args:
        pictures: (2N, 7, h, w) left, then right frames of half the size, each with its features.
        alike: (N, 1, h, w) share of pixels that are alike in both.
    """
    quarter = g.shrink(pictures, 2)
    eighth = g.shrink(quarter, 2)
    whole = g.shrink(eighth, 2)
    state = g.crop(build(g, "overview", first_layer(g, "overview", whole), 1 + HIDDEN), whole)
    flow = g.resize(g.shrink("prior", 4))
    flow, state, _ = refine(g, build, "at_eighth", 8, eighth, flow, g.resize(state))
    flow, state, _ = refine(g, build, "at_quarter", 4, quarter, g.resize(flow), g.resize(state))
    flow, state, warped = refine(g, build, "at_half", 2, pictures, g.resize(flow), g.resize(state))
    return [flow, *choose(g, pictures, warped, state, alike)]


def encode(g: Graph, frames: str) -> str:
    x = g.layer("encode_half", frames, 2, SLOPE)
    return g.narrow("encode_out", g.layer("encode_two", g.layer("encode_one", x, 1, SLOPE), 1, SLOPE))


def refine(
    g: Graph, build: BuildStage, name: str, scale: int, pictures: str, flow: str, state: str
) -> tuple[str, str, str]:
    """Run a stage on pictures warped by the flow; see ``refine`` in ``lite.py``."""
    warped = warp(g, pictures, flow, cell=scale)
    out = build(g, name, first_layer(g, name, warped, state, g.scale(flow, 1 / scale)), 4 + 1 + HIDDEN)
    step, state = g.parts("Split", out, g.integers(4, 1 + HIDDEN), count=2, axis=1)
    return g.add(flow, g.scale(step, scale)), state, warped


def first_layer(g: Graph, name: str, pictures: str, *others: str) -> str:
    """The first layer of a stage, of (2N, 7, h, w) pictures, the timestep, and whatever else the stage sees."""
    inside = g.shapes[f"{name}.down_one.weight"][1]
    order = g.integers(*ORDER, *range(len(ORDER), inside))
    weight = g.node("Gather", g.parameter(f"{name}.down_one.weight"), order, axis=1)
    if extra := to_fours(inside):  # of the first stage, whose timestep comes twice, once with a kernel of zeros
        weight = g.node("Pad", weight, g.integers(0, 0, 0, 0, 0, extra, 0, 0))
    x = g.cat(g.channels(pictures, 14), g.planes("t", pictures, 1 + extra), *others)
    return g.leaky(g.convolve(x, weight, g.parameter(f"{name}.down_one.bias"), size=3, stride=2), SLOPE)


def choose(g: Graph, pictures: str, warped: str, state: str, alike: str) -> tuple[str, str]:
    """Return the logits of shares and of what stays; see ``Lite.choose``."""
    left, right = colours(g, pictures)
    apart = g.subtract(left, right)
    one, two = colours(g, warped)
    mean = g.subtract(middle(g, one, two), g.constant(0.5))
    differences = [g.scale(each, DIFFERENCE_SCALE) for each in (g.subtract(one, two), apart)]
    few = g.cat(mean, alike), (0, 1, 2, 9)
    others = g.cat(*differences, state, g.planes("t", apart)), (*range(3, 9), *range(10, 20))
    x = g.leaky(g.conv_of_parts("choose_one", others, few), SLOPE)
    x = g.layer("choose_two", x, 1, SLOPE)
    mask, _ = g.parts("Split", state, g.integers(1, HIDDEN), count=2, axis=1)
    out = g.narrow("choose_out", x, g.cat(mask, alike), counts=(CHOICE, 2))
    coarse, fine, stay = g.parts("Split", out, g.integers(1, 1, 1), count=3, axis=1)
    shares = g.cat(coarse, g.multiply(steepness(g), fine))
    return shares, g.subtract(
        g.largest(stay, SPREAD), g.scale(objections(g, middle(g, left, right), one, two, alike), AGAINST)
    )


def colours(g: Graph, pictures: str) -> tuple[str, str]:
    """Take both frames, (N, 3, h, w) each, out of (2N, 7, h, w) pictures with their features."""
    both, axis, size = g.channels(pictures, 2 * (3 + FEATURES)), g.integers(1), 3 + FEATURES
    left, right = (g.node("Slice", both, g.integers(k), g.integers(k + 3), axis) for k in (0, size))
    return left, right


def alike_in(g: Graph, left: str, right: str) -> str:
    """Share of pixels that are alike in (N, 3, H, W) frames: (N, 1, H/2, W/2)."""
    return g.shrink(g.node("Exp", likeness(g, g.subtract(left, right))), 2)


def steepness(g: Graph) -> str:
    """Factor on the logits of the fine share, (N, 1, 1, 1); see ``steepness`` in ``lite.py``."""
    away = g.scale(g.node("Abs", g.subtract("t", g.constant(0.5))), 4)
    return g.add(g.constant(1), g.scale(g.node("Relu", g.subtract(g.constant(1), away)), STEEPER))


def middle(g: Graph, one: str, two: str) -> str:
    return g.scale(g.add(one, two), 1 / 2)


def objections(g: Graph, still: str, one: str, two: str, alike: str) -> str:
    """Find reasons against what stays; see ``objections`` in ``lite.py``."""
    edges = distance(g, still, mean_around(g, still))
    flat = g.node("Exp", g.scale(g.largest(edges, 3), -FLATNESS))
    nearer = g.node("Min", distance(g, one, still), distance(g, two, still))
    passing = g.subtract(g.constant(1), g.node("Exp", g.scale(nearer, -CROSSING)))
    lonely = g.node("Exp", g.scale(mean_around(g, alike), -LONELINESS))
    return g.add(g.largest(g.multiply(g.multiply(flat, alike), passing), SPREAD), lonely)


def distance(g: Graph, one: str, two: str) -> str:
    """Mean absolute difference of (N, 3, h, w) over the channels: (N, 1, h, w)."""
    return g.node("ReduceMean", g.node("Abs", g.subtract(one, two)), axes=[1], keepdims=1)


def mean_around(g: Graph, x: str) -> str:
    return g.node("AveragePool", x, kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[1, 1])


def likeness(g: Graph, apart: str) -> str:
    """Logarithm of how alike two pictures are that differ by (N, 3, h, w): (N, 1, h, w)."""
    height, width = g.size(apart)
    rows = g.node("Reshape", g.node("Abs", apart), g.integers(0, 3, -1))
    alike = g.node("MatMul", g.constant([[-SHARPNESS / 3] * 3]), rows)  # their mean; ReduceMean takes twice as long
    return g.node("Reshape", alike, g.cat(g.integers(-1, 1), height, width, axis=0))


def merge(g: Graph, flow: str, shares: str, stay: str) -> tuple[str, str]:
    """Sample both frames and mix them; see ``merge`` in ``lite.py``."""
    flow = g.scale(g.node("Round", g.scale(g.resize(flow), STEPS)), 1 / STEPS)
    left, right = g.halves(g.channels(warp_cubic(g, g.channels(g.cat("left", "right"), 3), flow), 6))
    coarse, fine = g.halves(g.resize(g.node("Sigmoid", shares)))
    apart = g.subtract(left, right)
    around = [0, 0, BAND // 2, BAND // 2] * 2
    padded = g.node("Pad", apart, g.integers(*around), mode="edge")
    mean = g.node("AveragePool", padded, kernel_shape=[BAND, BAND], strides=[1, 1])
    made = g.add(right, g.add(g.multiply(fine, apart), g.multiply(g.subtract(coarse, fine), mean)))
    still = g.subtract("right", "left")
    share = g.node("Sigmoid", g.add(g.resize(stay), likeness(g, still)))
    return made, g.multiply(share, g.subtract(g.add("left", g.multiply("t", still)), made))


def estimate_of_frames(g: Graph, build: BuildStage = stage) -> list[str]:
    """Build all that ``Lite`` does before it merges, of the frames themselves."""
    pictures = g.cat(*features(g, g.channels(g.cat("left", "right"), 3)))
    return estimate(g, pictures, alike_in(g, "left", "right"), build)


def export(weights: Path, folder: Path) -> None:
    """Write the graphs; they refer to ``weights`` by name, in its own folder."""
    full, half, quarter = ("height", "width"), ("half_height", "half_width"), ("quarter_height", "quarter_width")
    frame, picture = (3, *full), (3 + FEATURES, *half)
    prior: dict[str, Shape] = {"prior": (4, *quarter), "t": (1, 1, 1)}
    g = Graph(stored_parameters(weights))
    g.finish("Concat", *features(g, "frame"), name="features", axis=1)
    _write(g, folder / "lite-features.onnx", {"frame": frame}, ("features", picture), weights)
    seen: dict[str, Shape] = {"left_features": picture, "right_features": picture, "alike": (1, *half)}
    found, kernels = Calibration.read(CALIBRATION), folder / "lite-int8.safetensors"
    _replace(kernels, save(kernels_in_int8(found, read_weights(weights), LAYERS)))
    in_int8 = partial(stage_in_int8, layers=LAYERS, found=found)
    for name, build, *read in (("lite.onnx", stage_on_cpu, weights), ("lite-int8.onnx", in_int8, weights, kernels)):
        g = Graph(parameter for file in read for parameter in stored_parameters(file))
        pictures = g.channels(g.cat("left_features", "right_features"), 3 + FEATURES)
        g.finish("Concat", *estimate(g, pictures, "alike", build), name="parts", axis=1)
        _write(g, folder / name, {**seen, **prior}, ("parts", (7, *half)), *read)
    g = Graph(stored_parameters(weights))
    g.finish("Add", *merge(g, *estimate_of_frames(g)))
    _write(g, folder / "lite-whole.onnx", {"left": frame, "right": frame, **prior}, ("made", frame), weights)


def _write(g: Graph, target: Path, inputs: dict[str, Shape], output: tuple[str, Shape], *read: Path) -> None:
    """Write a graph, whose metadata names the files that it reads: weights, and kernels in 8 bits if it has such."""
    card = {"name": "lite"}
    for name, file in zip(("weights", "kernels"), read, strict=False):
        card |= {name: file.name, f"{name}_sha256": sha256_of(file)}
    card["licence"] = "Apache-2.0; stages begun at the weights of RIFE 4.25, MIT"
    doc = "The lite network of ifrplus. Arguments and weights are those of ifrplus_cli/models/lite.py."
    _replace(target, g.model("lite", doc, inputs, card, output).SerializeToString(deterministic=True))
    onnx.checker.check_model(target, full_check=True)


def _replace(target: Path, content: bytes) -> None:
    partial_file = target.with_suffix(".partial")
    partial_file.write_bytes(content)
    partial_file.replace(target)


def main() -> None:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path, help="safetensors file of the lite network")
    parser.add_argument("folder", type=Path, help="folder to write to: that of the weights")
    options = parser.parse_args()
    export(options.weights, options.folder)


if __name__ == "__main__":
    main()

"""Write the lite network as an ONNX graph that takes its weights from the safetensors file beside it.

    python tools/export_onnx.py weights/lite.safetensors weights/lite.onnx

The graph computes the same as ``ifrplus_cli/models/lite.py``, and its parts have the same names. It is built node by
node in the forms that are fastest in ONNX Runtime on a CPU:

- Left and right frames are neighbouring channels. A batch of both, and one picture of twice the channels, are the same
  memory: nothing is split or joined between the two views.
- Convolutions take input channels in multiples of four; others run in a form that is a fifth slower.
- The last stage unfolds the warped frames by a strided convolution, instead of taking blocks of pixels.
- Frames are centred around zero from the first node to the last layer, whose bias undoes this.

The weights are transformed for this by nodes that ONNX Runtime evaluates once, when it loads the graph.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import onnx

from ifrplus_cli.files import sha256_of
from ifrplus_cli.models.onnx_graph import BANDS, Graph, stored_parameters, warp

RADIUS = 3  # search radius of the matching cost, in cells of 32 pixels
FLOW_UNIT = 32  # pixels of flow that the layers see as 1
DIFFERENCE_SCALE = 4  # factor on the difference of the two warped frames, as the layers see it
SHARPNESS = 200  # how fast a difference between the unwarped frames rules out that a pixel stays
CENTRE = 0.5  # subtracted from all samples


def lite(g: Graph) -> None:
    """Build the whole network; see ``Lite.construct``."""
    frames = g.channels(g.subtract(g.cat("left", "right"), g.constant(CENTRE)), 3)
    fine, coarse = encode(g, g.shrink(frames, 4))
    change, hidden = refine_coarse(g, coarse, g.shrink("prior", 8))
    change, hidden = refine_fine(g, fine, g.shrink("prior", 4), change, hidden)
    merge(g, frames, g.add("prior", g.resize(change)), g.resize(hidden))


def encode(g: Graph, frames: str) -> tuple[str, str]:
    fine = g.layer("encode_fine", g.layer("encode_first", frames, 2), 2)
    fine = g.layer("encode_fine_more", fine)
    return fine, g.layer("encode_coarse_more", g.layer("encode_coarse", fine, 2))


def refine_coarse(g: Graph, features: str, flow: str) -> tuple[str, str]:
    channels, signature = g.shapes["encode_coarse_more.weight"][0], g.shapes["signature.weight"][0]
    warped = warp(g, features, flow, cell=32)
    cost = matching_cost(g, *g.halves(g.channels(g.conv("signature", warped), 2 * signature)))
    both = g.channels(warped, 2 * channels)
    x = g.layer("match", g.cat(both, cost, g.scale(flow, 1 / FLOW_UNIT), g.time(flow, "match")))
    deep = g.layer("context_two", g.layer("context_one", g.layer("context_down", x, 2)))
    deep = g.crop(g.resize(deep), x)
    x = g.layer("coarse", g.add(x, g.layer("context_up", deep)))
    return g.scale(g.shuffle(g.conv("coarse_flow", x)), 32), g.shuffle(g.layer("coarse_hidden", x))


def refine_fine(g: Graph, features: str, flow: str, change: str, hidden: str) -> tuple[str, str]:
    flow = g.add(flow, change)
    both = g.channels(warp(g, features, flow, cell=16), 2 * g.shapes["encode_fine_more.weight"][0])
    x = g.layer("fine_in", g.cat(both, hidden, g.scale(flow, 1 / FLOW_UNIT), g.time(flow, "fine_in")))
    x = g.add(x, g.layer("fine_two", g.layer("fine_one", x)))
    change = g.add(g.resize(change), g.scale(g.shuffle(g.conv("fine_flow", x)), 16))
    return change, g.shuffle(g.layer("fine_hidden", x))


def merge(g: Graph, frames: str, flow: str, hidden: str) -> None:
    warped = g.channels(warp(g, frames, flow, cell=1, enlarged=4, bands=BANDS), 6)
    hidden = g.add(g.resize(hidden), look_around(g, warped, g.channels(frames, 6), hidden))
    x = g.layer("half_one", half_in(g, warped, hidden))
    bias = g.add(g.parameter("half_out.bias"), g.constant([0] * 4 + [CENTRE] * 12))
    out = g.shuffle(g.convolve(x, g.parameter("half_out.weight"), bias, size=3))
    mask, residual = g.parts("Split", out, g.integers(1, 3), count=2, axis=1)
    left, right = g.halves(warped)
    odds = g.divide(g.subtract(g.constant(1), "t"), "t")
    share = g.node("Sigmoid", g.add(mask, g.node("Log", odds)))
    blended = g.add(right, g.multiply(share, g.subtract(left, right)))
    g.finish("Add", *stayed(g, g.add(blended, residual), x))


def stayed(g: Graph, made: str, seen: str) -> tuple[str, str]:
    """Return the made frame, and the correction that leads to the unwarped frames; see ``Lite.stayed``."""
    apart = g.subtract("right", "left")
    height, width = g.size(apart)
    rows = g.node("Reshape", g.node("Abs", apart), g.integers(0, 3, -1))
    alike = g.node("MatMul", g.constant([[-SHARPNESS / 3] * 3]), rows)  # their mean; ReduceMean takes twice as long
    alike = g.node("Reshape", alike, g.cat(g.integers(-1, 1), height, width, axis=0))
    sides = g.integers(g.shapes["half_one.weight"][0], 1)
    of_seen, of_alike = g.parts("Split", g.parameter("half_stay.weight"), sides, count=2, axis=1)
    stay = g.convolve(seen, of_seen, g.parameter("half_stay.bias"), size=1)
    # Enlarged separately, for as part of the blocks of channels it would be enlarged sixteen times.
    stay = g.add(g.channels(stay, 1), g.multiply(of_alike, g.shrink(g.node("Exp", alike), 2)))
    share = g.node("Sigmoid", g.add(g.resize(stay), alike))
    return made, g.multiply(share, g.subtract(g.add("left", g.multiply("t", apart)), made))


def half_in(g: Graph, warped: str, hidden: str) -> str:
    """Apply the layer of this name to (N, 6, H, W) ``warped``, of which it takes mean and difference, unshuffled."""
    outside = g.shapes["half_in.weight"][0]
    blocks, rest = g.parts("Split", g.parameter("half_in.weight"), g.integers(24, 16), count=2, axis=1)
    # A block's pixel (i, j) under the kernel's (y, x) is what a kernel of twice the size sees at (2y + i, 2x + j).
    blocks = g.node("Reshape", blocks, g.integers(outside, 6, 2, 2, 3, 3))
    large = g.node("Reshape", g.node("Transpose", blocks, perm=[0, 1, 4, 2, 5, 3]), g.integers(outside, 6, 6, 6))
    unfolded = g.convolve(warped, of_sides(g, large), size=6, stride=2)
    return g.leaky(g.add(g.convolve(hidden, rest, g.parameter("half_in.bias"), size=3), unfolded))


def look_around(g: Graph, warped: str, still: str, hidden: str) -> str:
    """Run the stage of this name on (N, 6, H, W) frames, warped and unwarped."""
    of_warped, of_still = (of_sides(g, part) for part in g.halves(g.parameter("quarter_patch.weight")))
    patches = g.add(
        g.convolve(warped, of_warped, g.parameter("quarter_patch.bias"), size=4, stride=4),
        g.convolve(still, of_still, size=4, stride=4),
    )
    x = g.layer("quarter_in", g.cat(g.leaky(patches), hidden))
    x = g.add(x, g.layer("quarter_one", x))
    deep = g.layer("eighth_two", g.layer("eighth_one", g.layer("eighth_down", x, 2)))
    x = g.add(x, g.shuffle(g.conv("eighth_up", deep)))
    return g.shuffle(g.conv("quarter_hidden", g.add(x, g.layer("quarter_two", x))))


def of_sides(g: Graph, kernel: str) -> str:
    """Convert a kernel for mean and difference of two pictures to one for the two pictures."""
    mean, difference = g.halves(kernel)
    mean, difference = g.scale(mean, 1 / 2), g.scale(difference, DIFFERENCE_SCALE)
    return g.cat(g.add(mean, difference), g.subtract(mean, difference))


def matching_cost(g: Graph, left: str, right: str) -> str:
    """Mean absolute difference for every shift of ``right``, computed one row of shifts at a time to save memory."""
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
    """Write the graph; it refers to ``weights`` by name, in its own folder."""
    g = Graph(stored_parameters(weights))
    lite(g)
    full, quarter = ("height", "width"), ("quarter_height", "quarter_width")
    inputs = {"left": (3, *full), "right": (3, *full), "prior": (4, *quarter), "t": (1, 1, 1)}
    card = {
        "name": "lite",
        "weights": weights.name,
        "weights_sha256": sha256_of(weights),
        "licence": "Apache-2.0",
    }
    doc = "The lite network of ifrplus. Arguments and weights are those of ifrplus_cli/models/lite.py."
    partial_file = target.with_suffix(".partial")
    partial_file.write_bytes(g.model("lite", doc, inputs, card).SerializeToString(deterministic=True))
    partial_file.replace(target)
    onnx.checker.check_model(target, full_check=True)


def main() -> None:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path, help="safetensors file of the lite network")
    parser.add_argument("graph", type=Path, help="ONNX file to write, in the folder of the weights")
    options = parser.parse_args()
    export(options.weights, options.graph)


if __name__ == "__main__":
    main()

"""Find the ranges of values in the stages of the lite network, for its graph in 8 bits.

    PYTHONPATH=. python tools/calibrate_int8.py CLIPS

CLIPS is a folder of training clips, never of those that anything is measured on. What is found goes to ``int8.json``
beside this program; then ``export_onnx.py`` makes the graph. Needed when the weights of the stages change.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from export_onnx import CALIBRATION, estimate_of_frames
from int8_layers import LEVELS

from ifrplus_cli.frames.flow import intermediate_flow, pair_flow
from ifrplus_cli.models.lite_facts import HIDDEN, LAYERS, SLOPE
from ifrplus_cli.models.onnx_graph import Graph, stored_parameters
from ifrplus_cli.weights.manifest import find_weights

Values = npt.NDArray[np.float32]
Inputs = dict[str, Values]

PLACES_IN_CLIP = (3, 27)  # first frames of the pairs that are taken from each clip
GAP = 2  # between the frames of a pair
TIMESTEPS = (0.5, 0.25, 0.5, 0.75)
POINTS = 600  # that are taken from each pair at each place
USUAL = 99.9  # percentile of a channel's values by which its factor is chosen
EVEN = 0.5  # exponent of that: 0 leaves channels as they are, 1 makes them equally large
KEPT = np.arange(1, 0.49, -0.1)  # shares of the extremes that are tried as ends of a range
GAIN = 0.98  # a narrower range must have less than this share of the error


class Watched:
    """Builds stages and remembers what is to be looked at, by its place."""

    def __init__(self) -> None:
        self.places: dict[str, str] = {}

    def stage(self, g: Graph, name: str, x: str, outside: int) -> str:
        """As ``stage`` of ``export_onnx.py``."""
        y = self._seen(f"{name}.down_two", g.conv(f"{name}.down_two", x, 2))
        y = g.leaky(y, SLOPE)
        for number in range(LAYERS):
            layer = f"{name}.layers.{number}"
            change = self._seen(f"{layer}.change", g.conv(layer, y))
            y = g.leaky(self._seen(layer, g.add(change, y)), SLOPE)
        return g.enlarging(f"{name}.up", y, outside)

    def _seen(self, place: str, value: str) -> str:
        self.places[place] = value
        return value


def watched_session(weights: Path) -> tuple[onnxruntime.InferenceSession, dict[str, str]]:
    """Open the network's graph with everything that is watched as an output."""
    g, watched = Graph(stored_parameters(weights)), Watched()
    g.finish("Concat", *estimate_of_frames(g, watched.stage), name="parts", axis=1)
    frame = (3, "height", "width")
    inputs = {"left": frame, "right": frame, "prior": (4, "quarter_height", "quarter_width"), "t": (1, 1, 1)}
    model = g.model("lite", "", inputs, {}, ("parts", (4 + 1 + HIDDEN, "half_height", "half_width")))
    float32 = onnx.TensorProto.FLOAT
    for name in watched.places.values():
        model.graph.output.append(onnx.helper.make_tensor_value_info(name, float32, None))
    with tempfile.NamedTemporaryFile(suffix=".onnx", dir=weights.parent) as file:  # it reads the weights beside it
        file.write(model.SerializeToString())
        file.flush()
        session = onnxruntime.InferenceSession(file.name, providers=["CPUExecutionProvider"])
    return session, watched.places


def pairs(folder: Path) -> Iterator[Inputs]:
    """Yield inputs of the network for two pairs of each clip."""
    for clip in sorted(folder.glob("*.mp4")):
        film = cv2.VideoCapture(str(clip))
        frames = []
        while len(frames) <= max(PLACES_IN_CLIP) + GAP and (read := film.read())[0]:
            frames.append(read[1][..., ::-1])
        for first, t in zip(PLACES_IN_CLIP, TIMESTEPS * len(PLACES_IN_CLIP), strict=False):
            if first + GAP < len(frames):
                yield _inputs(frames[first], frames[first + GAP], t)


def _inputs(left: npt.NDArray[np.uint8], right: npt.NDArray[np.uint8], t: float) -> Inputs:
    height, width = (side // 32 * 32 for side in left.shape[:2])
    one, two = (np.ascontiguousarray(frame[:height, :width]).astype(np.float32) / 255 for frame in (left, right))
    planes = {name: image.transpose(2, 0, 1)[np.newaxis] for name, image in (("left", one), ("right", two))}
    prior = intermediate_flow(pair_flow(one, two), t)[np.newaxis]
    return {**planes, "prior": prior, "t": np.full((1, 1, 1, 1), t, np.float32)}


def sample(folder: Path, weights: Path) -> dict[str, tuple[Values, Values]]:
    """Return for each place (points, C) values and the (pairs, 2, C) extremes of each channel."""
    session, places = watched_session(weights)
    draw = np.random.default_rng(0)
    points, extremes = defaultdict(list), defaultdict(list)
    for inputs in pairs(folder):
        for place, values in zip(places, session.run(list(places.values()), inputs), strict=True):
            rows = values[0].reshape(values.shape[1], -1)
            extremes[place].append(np.stack([rows.min(1), rows.max(1)]))
            points[place].append(rows[:, draw.choice(rows.shape[1], min(POINTS, rows.shape[1]), replace=False)].T)
    return {place: (np.concatenate(points[place]), np.stack(extremes[place])) for place in places}


def factors(sums: list[Values]) -> Values:
    """Factors of a stage's channels, by the values after its leaky ReLUs."""
    usual = np.max([np.percentile(np.abs(np.maximum(x, SLOPE * x)), USUAL, axis=0) for x in sums], axis=0)
    uneven = np.maximum(usual, 1e-3 * usual.max()) ** EVEN
    return np.asarray(uneven / np.exp(np.log(uneven).mean()), np.float32)


def best_range(values: Values, least: float, largest: float) -> tuple[float, float]:
    """Return the ends between which rounding to 8 bits changes the values least."""
    best, chosen = np.inf, (least, largest)
    for low in KEPT * min(least, 0):
        for high in KEPT * max(largest, 0):
            scale = (high - low) / LEVELS
            zero = round(-low / scale)
            rounded = (np.clip(np.rint(values / scale + zero), 0, LEVELS) - zero) * scale
            if (error := float(np.mean((rounded - values) ** 2))) < GAIN * best:
                best, chosen = error, (low, high)
    return chosen


def calibrate(folder: Path, weights: Path) -> dict[str, dict[str, list[float]]]:
    """Return factors by stage, and ranges by place."""
    seen = sample(folder, weights)
    stages = list(dict.fromkeys(place.partition(".")[0] for place in seen))
    of_stage = {
        stage: factors([x for place, (x, _) in seen.items() if place.startswith(f"{stage}.") and "change" not in place])
        for stage in stages
    }
    ranges = {}
    for place, (values, extremes) in seen.items():
        each = of_stage[place.partition(".")[0]]
        ends = float((extremes[:, 0] / each).min()), float((extremes[:, 1] / each).max())
        ranges[place] = [float(f"{end:.4g}") for end in best_range(values / each, *ends)]
    return {
        "factors": {stage: [float(f"{one:.4g}") for one in each] for stage, each in of_stage.items()},
        "ranges": ranges,
    }


def main() -> None:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path, help="folder of training clips")
    weights = find_weights("lite")
    assert weights is not None
    found = calibrate(parser.parse_args().clips, weights)
    CALIBRATION.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()

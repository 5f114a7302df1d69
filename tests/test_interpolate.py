from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from ifrplus_cli.errors import IfrplusError
from ifrplus_cli.interpolate import BATCH_PIXELS, Batch, Interpolator, LoadedModel, load_model
from ifrplus_cli.models import MODELS
from ifrplus_cli.tiling import plan_tiles

HALF = Fraction(1, 2)


class Recorder:
    """Blends both pictures, and keeps the shapes it was given."""

    def __init__(self) -> None:
        self.shapes: list[tuple[tuple[int, ...], ...]] = []
        self.times: list[float] = []

    def __call__(self, left: Batch, right: Batch, prior: Batch, t: Batch) -> Batch:
        self.shapes.append((left.shape, right.shape, prior.shape, t.shape))
        self.times.append(float(t.flat[0]))
        return (1 - t) * left + t * right


def interpolator(
    recorder: Recorder, size: tuple[int, int], tile: tuple[int, int] | None, overlap: int = 32
) -> Interpolator:
    model = LoadedModel(MODELS["lite"], recorder, Path("none"), "")
    return Interpolator(model, plan_tiles(*size, multiple=32, tile=tile, overlap=overlap))


def pictures(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(1)
    return tuple(random.random((height, width, 3), dtype=np.float32) for _ in range(2))  # type: ignore[return-value]


@pytest.mark.parametrize("size", [(64, 96), (359, 641), (33, 50)])
@pytest.mark.parametrize("tile", [None, (96, 96)])
def test_a_picture_of_any_size_comes_back_in_its_size_and_place(
    size: tuple[int, int], tile: tuple[int, int] | None
) -> None:
    left, right = pictures(*size)
    (made,) = interpolator(Recorder(), size, tile)(left, right, [HALF])
    assert made.shape == left.shape and made.dtype == np.float32
    assert np.abs(made - (left + right) / 2).max() < 1e-5


def test_every_call_has_one_shape_even_where_tiles_do_not_fill_the_last_batch() -> None:
    recorder = Recorder()
    size = (1088, 1920)
    left, right = pictures(*size)
    run = interpolator(recorder, size, (704, 640))
    run(left, right, [HALF])
    assert len(set(recorder.shapes)) == 1
    (n, _, height, width), _, prior, steps = recorder.shapes[0]
    assert n > 1 and n * height * width <= BATCH_PIXELS
    assert prior == (n, 4, height // 2, width // 2) and steps == (n, 1, 1, 1)


def test_small_tiles_go_through_the_network_together() -> None:
    recorder = Recorder()
    left, right = pictures(256, 256)
    interpolator(recorder, (256, 256), (96, 96))(left, right, [HALF])
    assert len(recorder.shapes) == 1 and recorder.shapes[0][0][0] > 1


def test_each_timestep_is_made_once_and_in_order() -> None:
    recorder = Recorder()
    left, right = pictures(64, 64)
    steps = [Fraction(1, 5), Fraction(2, 5), Fraction(4, 5)]
    made = interpolator(recorder, (64, 64), None)(left, right, steps)
    assert recorder.times == pytest.approx([0.2, 0.4, 0.8])
    for t, image in zip(steps, made, strict=True):
        assert np.abs(image - ((1 - float(t)) * left + float(t) * right)).max() < 1e-5


def test_colours_outside_the_cube_are_not_clipped() -> None:
    left = np.full((64, 64, 3), 1.2, np.float32)
    (made,) = interpolator(Recorder(), (64, 64), None)(left, left, [HALF])
    assert made == pytest.approx(1.2)


@pytest.mark.parametrize("name", ["none.safetensors", "text.safetensors"])
def test_missing_and_foreign_weights_are_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "text.safetensors").write_text("hello, this is not a file of weights")
    with pytest.raises(IfrplusError, match=name):
        load_model("lite", tmp_path / name)

"""Any size goes through a network of one shape, and the result is the same as in one piece."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from clips import blend, blend_model

from ifrplus_cli.errors import ModelError
from ifrplus_cli.frames.flow import FlowView, PairFlow, flow_between
from ifrplus_cli.frames.timeline import FactorTimeline, timesteps
from ifrplus_cli.models import MODELS, Scales
from ifrplus_cli.network import interpolator as network_interpolator
from ifrplus_cli.network.device import Device
from ifrplus_cli.network.engine import MINDSPORE, Engine
from ifrplus_cli.network.interpolator import Interpolator, OuterFrame, Surroundings, load_model
from ifrplus_cli.network.plan import plan_network

HALF = [Fraction(1, 2)]
ON_CPU = Engine("onnx", "CPUExecutionProvider")


class WatchedBlend:
    """A blend that remembers the shapes it has seen."""

    def __init__(self, inputs: tuple[str, ...] = ("left", "right", "t")) -> None:
        self.inputs = inputs
        self.shapes: list[tuple[tuple[int, ...], ...]] = []

    def __call__(self, *arrays: np.ndarray) -> np.ndarray:
        assert all(array.dtype == np.float32 for array in arrays)
        self.shapes.append(tuple(array.shape for array in arrays))
        return blend(arrays[0], arrays[1], arrays[-1])


def pictures(height: int, width: int, count: int = 2) -> list[np.ndarray]:
    random = np.random.default_rng(height * width)
    return [random.random((height, width, 3), np.float32) * 1.4 - 0.2 for _ in range(count)]


def interpolator(
    height: int,
    width: int,
    network: Callable[..., np.ndarray] = blend,
    *,
    tile: tuple[int, int] | str = "off",
    inputs: tuple[str, ...] = ("left", "right", "t"),
    engine: Engine = MINDSPORE,
) -> Interpolator:
    return Interpolator(blend_model(network, (height, width), inputs, engine, tile=tile, tile_overlap=32))


@pytest.mark.parametrize(("height", "width"), [(64, 96), (1, 1), (37, 101), (128, 128)])
@pytest.mark.parametrize("tile", ["off", (96, 96)], ids=["whole", "tiled"])
def test_any_size_comes_back_as_it_would_untiled(height: int, width: int, tile: tuple[int, int] | str) -> None:
    left, right = pictures(height, width)
    made = interpolator(height, width, tile=tile)(left, right, [Fraction(1, 4)])
    assert len(made) == 1
    assert (made[0].shape, made[0].dtype) == ((height, width, 3), np.float32)
    np.testing.assert_allclose(made[0], 0.75 * left + 0.25 * right, atol=1e-5)


def test_the_channels_of_a_pixel_lie_together() -> None:
    """OpenCV copies any other layout in each of its operations."""
    (made,) = interpolator(20, 30)(*pictures(20, 30), HALF)
    assert made.strides[1:] == (3 * made.itemsize, made.itemsize)


@pytest.mark.parametrize(
    ("inputs", "scale"), [(("left", "right", "prior", "t"), 1.0), (("left", "right", "t"), 0.5)], ids=["prior", "doubt"]
)
def test_a_flow_for_doubt_alone_is_sought_at_half_of_the_size(
    inputs: tuple[str, ...], scale: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the full size it would take as long as the network."""
    sought: list[float] = []

    def watched(left: FlowView, right: FlowView) -> PairFlow:
        sought.append(left.grey.shape[0] / left.size[1])
        return flow_between(left, right)

    monkeypatch.setattr(network_interpolator, "flow_between", watched)
    model = blend_model(WatchedBlend(inputs), (64, 64), inputs)
    model = replace(model, plan=replace(model.plan, scales=Scales(1.0)))
    Interpolator(model, doubt=True)(*pictures(64, 64), HALF)
    assert sought == [scale]


def test_each_timestep_gets_its_picture_in_order() -> None:
    left, right = pictures(32, 32)
    steps = [Fraction(1, 8), Fraction(1, 2), Fraction(9, 10)]
    made = interpolator(32, 32)(left, right, steps)
    for picture, t in zip(made, map(float, steps), strict=True):
        np.testing.assert_allclose(picture, (1 - t) * left + t * right, atol=1e-5)
    assert interpolator(32, 32)(left, right, []) == []


@pytest.mark.parametrize(("height", "width", "tile"), [(50, 70, "off"), (200, 300, (96, 96)), (97, 33, (64, 64))])
def test_the_network_sees_one_shape_for_the_whole_run(height: int, width: int, tile: tuple[int, int] | str) -> None:
    network = WatchedBlend()
    made = interpolator(height, width, network, tile=tile)
    for _ in range(2):
        made(*pictures(height, width), [Fraction(1, 3), Fraction(2, 3)])
    assert len(set(network.shapes)) == 1
    left, right, t = network.shapes[0]
    batch, _, tile_height, tile_width = left
    assert left == right
    assert tile_height % 32 == tile_width % 32 == 0
    assert t == (batch, 1, 1, 1)


def test_tiles_of_a_picture_go_through_together() -> None:
    network = WatchedBlend()
    interpolator(160, 160, network, tile=(96, 96))(*pictures(160, 160), HALF)
    assert [shapes[0][0] for shapes in network.shapes] == [4]


def test_many_tiles_go_through_in_equal_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ifrplus_cli.network.plan.BATCH_PIXELS", 4 * 96 * 96)
    network = WatchedBlend()
    left, right = pictures(288, 160)
    made = interpolator(288, 160, network, tile=(96, 96))
    np.testing.assert_allclose(made(left, right, HALF)[0], (left + right) / 2, atol=1e-5)
    assert len({shapes[0] for shapes in network.shapes}) == 1
    assert len(network.shapes) > 1


def with_a_cursor(picture: np.ndarray, place: tuple[int, int]) -> np.ndarray:
    copy = picture.copy()
    y, x = place
    copy[y : y + 16, x : x + 16] = 1 - copy[y : y + 16, x : x + 16]
    return copy


@pytest.mark.parametrize("engine", [MINDSPORE, Engine("onnx", "CPUExecutionProvider")], ids=str)
def test_still_parts_are_left_alone(engine: Engine) -> None:
    """A network that darkens all it sees shows what it has seen."""
    seen: list[tuple[int, ...]] = []

    def darken(left: np.ndarray, right: np.ndarray, t: np.ndarray) -> np.ndarray:
        seen.append(left.shape)
        return np.zeros_like(left)

    picture = np.random.default_rng(5).random((700, 900, 3), np.float32)
    left, right = with_a_cursor(picture, (300, 200)), with_a_cursor(picture, (340, 260))
    (made,) = interpolator(700, 900, darken, engine=engine)(left, right, HALF)
    if engine == MINDSPORE:  # which would have to compile each new size
        assert seen == [(1, 3, 704, 928)]
        assert not made.any()
    else:
        assert seen == [(1, 3, 352, 352)]
        assert not made[300:356, 200:276].any()
        np.testing.assert_array_equal(made[:160], left[:160])
        np.testing.assert_array_equal(made[:, 416:], left[:, 416:])


def test_tiles_that_do_not_move_are_copied() -> None:
    network = WatchedBlend()
    picture = pictures(300, 700)[0]
    left, right = with_a_cursor(picture, (20, 20)), with_a_cursor(picture, (24, 30))
    made = interpolator(300, 700, network, tile=(384, 320))(left, right, [Fraction(1, 4), Fraction(1, 2)])
    assert [shapes[0][0] for shapes in network.shapes] == [2, 2]  # filled up to the one batch there is
    np.testing.assert_array_equal(made[1][:, 500:], left[:, 500:])
    np.testing.assert_allclose(made[1], (left + right) / 2, atol=1e-5)


def test_equal_pictures_need_no_network() -> None:
    network = WatchedBlend()
    left, _ = pictures(64, 64)
    made = interpolator(64, 64, network)(left, left + np.float32(1 / 255), HALF)
    np.testing.assert_allclose(made[0], left + np.float32(0.5 / 255), atol=1e-5)
    assert np.array_equal(interpolator(64, 64, network)(left, left.copy(), HALF)[0], left)
    assert network.shapes == []


def shifted(height: int, width: int, offset: int) -> np.ndarray:
    """A window on a smooth random picture, moved to the right."""
    random = np.random.default_rng(3).random((height // 4 + 2, width // 4 + 12, 3), np.float32)
    large = random.repeat(4, axis=0).repeat(4, axis=1)
    return np.ascontiguousarray(large[:height, offset : offset + width])


@pytest.mark.parametrize(("t", "backward", "forward"), [(Fraction(1, 2), 4, -4), (Fraction(1, 4), 2, -6)])
def test_the_prior_shows_where_to_look_in_both_frames(t: Fraction, backward: float, forward: float) -> None:
    seen: list[np.ndarray] = []

    def look(left: np.ndarray, right: np.ndarray, prior: np.ndarray, step: np.ndarray) -> np.ndarray:
        seen.append(prior)
        return blend(left, right, step)

    left, right = shifted(128, 192, 0), shifted(128, 192, 8)  # the picture moves 8 pixels to the left
    interpolator(128, 192, look, inputs=("left", "right", "prior", "t"))(left, right, [t])
    middle = np.median(seen[0][0][:, 16:48, 24:72], axis=(1, 2))
    assert middle[0] == pytest.approx(backward, abs=0.5)
    assert middle[2] == pytest.approx(forward, abs=0.5)
    assert np.abs(middle[[1, 3]]).max() < 0.5


def test_the_frames_around_a_pair_show_acceleration(monkeypatch: pytest.MonkeyPatch) -> None:
    found, viewed = [], []
    counted = lambda *pair: found.append(pair) or flow_between(*pair)  # noqa: E731
    monkeypatch.setattr(network_interpolator, "flow_between", counted)
    view_of = FlowView.of
    monkeypatch.setattr(FlowView, "of", lambda *image: viewed.append(image) or view_of(*image))
    seen: list[np.ndarray] = []

    def look(left: np.ndarray, right: np.ndarray, prior: np.ndarray, step: np.ndarray) -> np.ndarray:
        seen.append(prior)
        return blend(left, right, step)

    film = [shifted(128, 192, offset) for offset in (0, 4, 12, 24)]  # an acceleration of 4 pixels
    make = interpolator(128, 192, look, inputs=("left", "right", "prior", "t"))
    make(film[1], film[2], HALF)
    make(film[1], film[2], HALF, Surroundings(OuterFrame(film[0]), OuterFrame(film[3])))
    straight, bent = (float(np.median(prior[0][0, 16:48, 24:72])) for prior in seen)
    assert straight == pytest.approx(4, abs=0.5)
    assert bent == pytest.approx(3.5, abs=0.3)
    make(film[2], film[3], HALF, Surroundings(OuterFrame(film[1])))
    assert len(found) == 3  # the flow of each pair of frames once
    assert len(viewed) == 4  # and what it needs of each frame


def test_tiles_of_a_prior_fit_the_tiles_of_the_pictures() -> None:
    network = WatchedBlend(("left", "right", "prior", "t"))
    interpolator(200, 300, network, tile=(96, 96), inputs=network.inputs)(*pictures(200, 300), HALF)
    left, _, prior, _ = network.shapes[0]
    assert prior == (left[0], 4, left[2] // 4, left[3] // 4)


ONE_GAP = range(2)


class Midpoint:
    """A network that only makes the midpoint, of pictures that say when they are; it remembers what it made."""

    def __init__(self) -> None:
        self.made: list[float] = []

    def __call__(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        middle = (left + right) / 2
        self.made.append(float(middle[0, 0, 0, 0]))
        return middle


@pytest.mark.parametrize("factor", [2, 4, 8])
def test_a_midpoint_network_makes_each_frame_of_a_gap_once(factor: int) -> None:
    network = Midpoint()
    left, right = (np.full((32, 32, 3), value, np.float32) for value in (0, 1))
    steps = list(timesteps(FactorTimeline(Fraction(factor)), ONE_GAP))
    made = interpolator(32, 32, network, inputs=("left", "right"))(left, right, steps)
    assert [float(picture[0, 0, 0]) for picture in made] == [float(t) for t in steps]
    assert sorted(network.made) == [float(t) for t in steps]


@pytest.mark.parametrize("weights", [None, Path("/nonexistent/w.safetensors")])
def test_missing_weights_are_named(weights: Path | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ifrplus_cli.network.interpolator.find_weights", lambda name: None)
    with pytest.raises(ModelError) as missing:
        load_model(plan_network(MODELS["lite"], MINDSPORE, Device("CPU"), (64, 64), HALF), weights)
    assert (str(weights) if weights else "lite") in missing.value.message
    assert "--weights" in missing.value.hint

"""Operators with several forms: each against numpy, and the forms against each other."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path

import cv2
import mindspore as ms
import numpy as np
import numpy.typing as npt
import pytest

from ifrplus_cli.models import ops

Array = npt.NDArray[np.float32]
SIZES = [(2, 2), (3, 5), (7, 4), (13, 17)]
REACHES = {"inside": 0.4, "across the border": 4.0, "far outside": 1e5}
SAMPLERS = [ops.sample_by_primitive, ops.sample_by_gather]
DEFORMABLE = [ops.deformable_conv_by_primitive, ops.deformable_conv_by_gather]


def run(function: Callable[..., ms.Tensor], *arrays: Array) -> Array:
    made: Array = function(*(ms.Tensor(array) for array in arrays)).asnumpy()
    return made


def run_both_ways(function: Callable[..., ms.Tensor], *arrays: Array) -> Array:
    """Runs an operator by itself, and as a graph, which must make no difference."""
    made = run(function, *arrays)
    np.testing.assert_allclose(run(ms.jit(function), *arrays), made, atol=1e-5)
    return made


@pytest.fixture(params=["CPU", "Ascend"])
def form(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Chooses the operators as on some device, which all run on CPU."""
    name = str(request.param)
    monkeypatch.setattr(ops, "device", ms.ops.constexpr(lambda: name))
    return name


def noise(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def pixel(image: Array, row: int, column: int, border: str) -> Array:
    """Channels of (C, H, W) at a place that may be outside."""
    height, width = image.shape[1:]
    if border == "zeros" and not (0 <= row < height and 0 <= column < width):
        return np.zeros(len(image), np.float32)
    return image[:, min(max(row, 0), height - 1), min(max(column, 0), width - 1)]


def bilinear(image: Array, x: float, y: float, border: str) -> Array:
    """Channels of (C, H, W) at a position in pixels: the definition, one sample at a time."""
    column, row = math.floor(x), math.floor(y)
    u, v = x - column, y - row
    upper = (1 - u) * pixel(image, row, column, border) + u * pixel(image, row, column + 1, border)
    lower = (1 - u) * pixel(image, row + 1, column, border) + u * pixel(image, row + 1, column + 1, border)
    return np.asarray((1 - v) * upper + v * lower, np.float32)


def positions(count: int, height: int, width: int, reach: float) -> tuple[Array, Array]:
    """Random positions around the pixels; some on pixels, corners of the picture and half-way between two."""
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    x = columns + reach * noise(count, height, width, seed=1)
    y = rows + reach * noise(count, height, width, seed=2)
    x[:, 0, 0], y[:, 0, 0] = 0, 0
    x[:, 0, 1], y[:, 0, 1] = width - 1, height - 1
    x[:, 1, 0], y[:, 1, 0] = 0.5, height - 1.5
    return x, y


@pytest.mark.parametrize("reach", REACHES.values(), ids=REACHES)
@pytest.mark.parametrize(("height", "width"), SIZES)
def test_both_samplers_are_bilinear_and_repeat_edges(height: int, width: int, reach: float) -> None:
    image = noise(2, 3, height, width)
    x, y = positions(2, height, width, reach)
    expected = np.empty_like(image)
    for place in np.ndindex(2, height, width):
        expected[place[0], :, place[1], place[2]] = bilinear(image[place[0]], float(x[place]), float(y[place]), "edge")
    made = [run(sample, image, x, y) for sample in SAMPLERS]
    for array in made:
        np.testing.assert_allclose(array, expected, atol=1e-5)
    np.testing.assert_allclose(made[0], made[1], atol=1e-5)


@pytest.mark.parametrize(("name", "value"), [("BAND_POSITIONS", 30), ("BAND_POSITIONS", 1), ("LARGEST_EXACT", 1)])
def test_bands_and_whole_numbers_make_no_difference(monkeypatch: pytest.MonkeyPatch, name: str, value: int) -> None:
    image = noise(2, 3, 7, 4)
    x, y = positions(2, 7, 4, 4.0)
    whole = run(ops.sample_by_gather, image, x, y)
    monkeypatch.setattr(ops, name, value)
    np.testing.assert_array_equal(run_both_ways(ops.sample_by_gather, image, x, y), whole)


@pytest.mark.parametrize("reach", REACHES.values(), ids=REACHES)
@pytest.mark.parametrize(("height", "width"), SIZES)
def test_both_deformable_convolutions_see_zeros_outside(height: int, width: int, reach: float) -> None:
    x, weight = noise(2, 3, height, width), noise(4, 3, 3, 3, seed=3) / 5
    right, down = (reach * noise(2, 9, height, width, seed=seed) for seed in (4, 5))
    right[:, :, 0], down[:, :, 0] = 0, -1  # the regular grid, one row higher
    mask = noise(2, 9, height, width, seed=6)
    expected = np.zeros((2, 4, height, width), np.float32)
    for n, tap, row, column in np.ndindex(2, 9, height, width):
        across = column + tap % 3 - 1 + float(right[n, tap, row, column])
        along = row + tap // 3 - 1 + float(down[n, tap, row, column])
        seen = mask[n, tap, row, column] * bilinear(x[n], across, along, "zeros")
        expected[n, :, row, column] += weight[:, :, tap // 3, tap % 3] @ seen
    made = [run(form, x, right, down, mask, weight) for form in DEFORMABLE]
    for array in made:
        np.testing.assert_allclose(array, expected, atol=1e-5)
    np.testing.assert_allclose(made[0], made[1], atol=1e-5)


@pytest.mark.usefixtures("form")
def test_without_offsets_it_is_a_convolution() -> None:
    x, weight = noise(1, 3, 6, 5), noise(2, 3, 3, 3)
    still, all_of_it = np.zeros((1, 9, 6, 5), np.float32), np.ones((1, 9, 6, 5), np.float32)
    made = run_both_ways(ops.deformable_conv, x, still, still, all_of_it, weight)
    regular = ms.ops.conv2d(ms.Tensor(x), ms.Tensor(weight), padding=1, pad_mode="pad").asnumpy()
    np.testing.assert_allclose(made, regular, atol=1e-5)


@pytest.mark.usefixtures("form")
def test_warp_goes_where_the_flow_points_and_keeps_the_type() -> None:
    image = noise(2, 3, 8, 12)
    flow = np.zeros((2, 2, 8, 12), np.float32)
    flow[0, 0], flow[0, 1], flow[1, 0] = 3, -2, 0.5
    made = run_both_ways(ops.warp, image, flow)
    np.testing.assert_allclose(made[0, :, 2:, :-3], image[0, :, :-2, 3:], atol=1e-5)
    np.testing.assert_allclose(made[1, :, :, :-1], (image[1, :, :, :-1] + image[1, :, :, 1:]) / 2, atol=1e-5)
    half = run_both_ways(ops.warp, image.astype(np.float16), flow)
    assert half.dtype == np.float16
    np.testing.assert_allclose(half, made, atol=4e-3)


def test_positions_keep_their_precision_when_pictures_are_float16() -> None:
    """At column 4000 float16 steps by 2 pixels."""
    ramp = np.tile(np.float16(np.arange(4096) % 4), (1, 1, 2, 1))
    flow = np.zeros((1, 2, 2, 4096), np.float32)
    flow[:, 0] = 0.25
    for form in SAMPLERS:
        x, y = np.arange(4096) + flow[:, 0], np.zeros((1, 2, 4096), np.float32)
        made = run(form, ramp, x.astype(np.float32), y)
        np.testing.assert_allclose(made[0, 0, 0, 4000:4003], [0.25, 1.25, 2.25], atol=2e-3)


@pytest.mark.usefixtures("form")
def test_layer_norm_is_over_channels() -> None:
    x, weight, bias = 3 * noise(2, 6, 5, 7) + 20, noise(6, seed=1), noise(6, seed=2)
    normal = (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + 1e-6)
    expected = normal * weight.reshape(1, 6, 1, 1) + bias.reshape(1, 6, 1, 1)
    np.testing.assert_allclose(run_both_ways(ops.layer_norm, x, weight, bias), expected, atol=2e-5)


@pytest.mark.usefixtures("form")
@pytest.mark.parametrize("rows", [1, 2])
def test_channels_are_scaled(rows: int) -> None:
    x, factor = noise(2, 6, 5, 7), noise(rows, 6, seed=1)
    np.testing.assert_allclose(run_both_ways(ops.scale_channels, x, factor), x * factor[:, :, None, None], atol=1e-6)


def test_spatial_mean_is_exact_for_large_pictures() -> None:
    x = np.random.default_rng(0).random((2, 3, 512, 1024), np.float32)
    np.testing.assert_allclose(run(ops.spatial_mean, x), x.mean((2, 3), np.float64), rtol=1e-6)


def test_gelu_is_exact() -> None:
    x = np.linspace(-6, 6, 101, dtype=np.float32)
    expected = [value * 0.5 * (1 + math.erf(value / math.sqrt(2))) for value in x.tolist()]
    np.testing.assert_allclose(run_both_ways(ops.gelu, x), expected, atol=1e-6)


@pytest.mark.parametrize("scale", [1, 2, 8, 0.5, 0.25, 0.125])
def test_rescale_has_half_pixel_centres(scale: float) -> None:
    image = np.random.default_rng(0).random((16, 24, 3), np.float32)
    expected = cv2.resize(image, (round(24 * scale), round(16 * scale)), interpolation=cv2.INTER_LINEAR)
    made = ops.rescale(ms.Tensor(np.ascontiguousarray(image.transpose(2, 0, 1)[None])), scale)
    np.testing.assert_allclose(made.asnumpy()[0].transpose(1, 2, 0), expected, atol=1e-5)


def test_parts_are_those_of_numpy() -> None:
    x = noise(2, 7, 3, 4)

    def turned(x: ms.Tensor) -> ms.Tensor:
        first, second, third = ops.split(x, (1, 4, 2))
        return ms.ops.cat((third, second, first), 1)

    expected = np.concatenate(np.split(x, [1, 5], axis=1)[::-1], axis=1)
    np.testing.assert_array_equal(run_both_ways(turned, x), expected)


@pytest.mark.usefixtures("form")
@pytest.mark.parametrize("slopes", [[0.25], [-0.5, 0.0, 0.3, 1.0, 1.7]], ids=["one for all", "one for each"])
def test_slopes_may_be_of_any_sign_and_size(slopes: list[float]) -> None:
    x, weight = noise(2, 5, 3, 4), np.float32(slopes)
    expected = np.where(x > 0, x, x * weight.reshape(1, -1, 1, 1))
    np.testing.assert_allclose(run_both_ways(ops.prelu, x, weight), expected, atol=1e-6)


@pytest.mark.parametrize("source", sorted(Path(ops.__file__).parent.glob("*.py")), ids=lambda path: path.name)
def test_networks_call_nothing_that_is_slow_to_compile(source: Path) -> None:
    """Each call of these takes MindSpore 0.1 to 0.7 s at the start of a run; ``ops.py`` has others in their stead."""
    assert not re.search(r"\bops\.(interpolate|arange|split|conv2d|avg_pool2d)\(", source.read_text("utf-8"))


@pytest.mark.parametrize("cell", [1, 2, 4, 8])
def test_a_picture_is_shrunk_by_the_middles_of_its_cells(cell: int) -> None:
    def shrunk(x: ms.Tensor) -> ms.Tensor:
        return ops.shrink_bilinear(x, cell)

    def resized(x: ms.Tensor) -> ms.Tensor:
        return ops.resize(x, (16 // cell, 24 // cell))

    x = noise(2, 3, 16, 24)
    np.testing.assert_allclose(run_both_ways(shrunk, x), run(resized, x), atol=1e-5)


@pytest.mark.parametrize("cell", [1, 2, 4, 8])
def test_what_is_warped_and_shrunk_is_sampled_only_where_it_counts(cell: int) -> None:
    def at_once(images: ms.Tensor, flows: ms.Tensor) -> ms.Tensor:
        return ops.warp_shrunk(images, flows, cell)

    def one_by_one(images: ms.Tensor, flows: ms.Tensor) -> ms.Tensor:
        return ops.shrink_bilinear(ops.warp_both(images, flows), cell)

    images, flows = noise(4, 3, 16, 24), 5 * noise(2, 4, 16, 24, seed=3)
    np.testing.assert_allclose(run_both_ways(at_once, images, flows), run(one_by_one, images, flows), atol=1e-5)

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import mindspore as ms
import numpy as np
import numpy.typing as npt
import pytest
from golden import MODES, running_in
from mindspore import nn
from safetensors import safe_open
from safetensors.numpy import load_file

from ifrplus_cli.frames.merge import difference
from ifrplus_cli.frames.merge import merge as merge_on_cpu
from ifrplus_cli.models import MODELS
from ifrplus_cli.models.lite import STEEPER, Lite, LiteFeatures, LiteParts, alike_in, merge, steepness
from ifrplus_cli.models.ops import shuffle, warp
from ifrplus_cli.weights.manifest import find_weights

Array = npt.NDArray[np.float32]
ROOT = Path(__file__).parents[2]
MOST_PARAMETERS, MOST_MULTIPLICATIONS = 6e6, 2e9


@pytest.fixture(scope="module", params=MODES)
def both_modes(request: pytest.FixtureRequest) -> Iterator[LiteParts]:
    """One network in each execution mode: its graph is compiled once for each shape."""
    with running_in(request.param):
        yield network(random_values(1))


def network(values: dict[str, Array] | None = None) -> LiteParts:
    cell = LiteParts()
    cell.set_train(False)
    if values is not None:
        load(cell, values)
    return cell


def load(cell: nn.Cell, values: dict[str, Array]) -> None:
    for name, parameter in cell.parameters_and_names():
        parameter.set_data(ms.Tensor(values[name].astype(np.float32)))


def untrained_values() -> dict[str, Array]:
    return {name: parameter.asnumpy() for name, parameter in Lite().parameters_and_names()}


def random_values(seed: int) -> dict[str, Array]:
    """Weights of every layer, the heads too, of a size that keeps the signal's."""
    draw = np.random.default_rng(seed)
    values = {}
    for name, parameter in Lite().parameters_and_names():
        fan = np.prod(parameter.shape[1:]) if len(parameter.shape) > 1 else 100
        values[name] = (draw.normal(size=parameter.shape) * np.sqrt(1.5 / fan)).astype(np.float32)
    return values


def inputs(count: int, height: int, width: int, t: float, seed: int = 0) -> tuple[Array, Array, Array, Array]:
    draw = np.random.default_rng(seed)
    left, right = (draw.random((count, 3, height, width), np.float32) for _ in range(2))
    prior = draw.normal(0, 4, (count, 4, height // 4, width // 4)).astype(np.float32)
    return left, right, prior, np.full((count, 1, 1, 1), t, np.float32)


def run(cell: LiteParts, left: Array, right: Array, prior: Array, t: Array) -> Array:
    """Parts of a pair; the features of its frames are computed one by one, by a cell of their own."""
    features = LiteFeatures()
    load(features, {name: parameter.asnumpy() for name, parameter in cell.parameters_and_names()})
    frames = [ms.Tensor(frame) for frame in (left, right)]
    made: Array = cell(*map(features, frames), alike_in(*frames), ms.Tensor(prior), ms.Tensor(t)).asnumpy()
    return made


def parts_of(flow: list[float], coarse: float, fine: float, stay: float, height: int, width: int) -> Array:
    """Parts that are the same everywhere: flows in pixels, then logits."""
    parts = np.empty((2, 7, height // 2, width // 2), np.float32)
    parts[:] = np.float32([*flow, coarse, fine, stay]).reshape(1, 7, 1, 1)
    return parts


def merged(left: Array, right: Array, parts: Array, when: Array) -> Array:
    made: Array = merge(*(ms.Tensor(array) for array in (left, right, parts, when))).asnumpy()
    return made


def test_frames_are_sampled_where_the_flows_point_and_mixed_by_shares() -> None:
    left, right, _, when = inputs(2, 64, 96, 0.3)
    parts = parts_of([-2, 1, 3, 0], 1.0, 1.0, -40, 64, 96)
    share = 1 / (1 + np.exp(-1.0))
    expected = share * np.roll(left, (2, -1), (3, 2)) + (1 - share) * np.roll(right, (-3, 0), (3, 2))
    inner = np.s_[:, :, 8:-8, 8:-8]
    np.testing.assert_allclose(merged(left, right, parts, when)[inner], expected[inner], atol=1e-5)


def test_fine_detail_comes_from_the_side_of_its_own_share() -> None:
    left, right, _, when = inputs(2, 64, 96, 0.5)
    made = merged(left, right, parts_of([0, 0, 0, 0], 0.0, 40.0, -40, 64, 96), when)
    apart = left - right
    around = np.pad(apart, ((0, 0), (0, 0), (2, 2), (2, 2)), mode="edge")
    mean = np.mean([around[:, :, y : y + 64, x : x + 96] for y in range(5) for x in range(5)], axis=0)
    np.testing.assert_allclose(made, (left + right) / 2 + (apart - mean) / 2, atol=1e-5)


def test_pixels_equal_in_both_frames_stay_where_the_network_says_so() -> None:
    left, right, _, when = inputs(2, 64, 96, 0.5)
    right[:, :, 20:40, 30:60] = left[:, :, 20:40, 30:60]
    still = np.abs(merged(left, right, parts_of([7, 5, -7, -5], 0.0, 0.0, 20, 64, 96), when) - left)[0]
    assert still[:, 20:40, 30:60].max() < 1e-5
    assert np.median(still[:, 45:]) > 0.05


def test_fine_detail_is_decided_most_where_neither_frame_is_nearer() -> None:
    when = np.float32([0.1, 0.25, 0.4, 0.5, 0.6, 0.75, 0.9]).reshape(-1, 1, 1, 1)
    factors = steepness(ms.Tensor(when)).asnumpy().ravel()
    np.testing.assert_allclose(factors, factors[::-1], atol=1e-5)
    np.testing.assert_allclose(factors[:4], [1, 1, 1 + 0.6 * STEEPER, 1 + STEEPER], atol=1e-5)


@pytest.mark.parametrize("size", [(64, 96), (70, 110), (61, 97)])
def test_opencv_merges_as_the_graph_does(size: tuple[int, int]) -> None:
    draw = np.random.default_rng(5)
    height, width = 128, 128
    left, right, _, when = inputs(1, height, width, 0.4)
    parts = draw.normal(0, 3, (1, 7, height // 2, width // 2)).astype(np.float32)
    parts[:, :4] = np.round(parts[:, :4] * 2) / 2  # whole steps of sampling after they are enlarged: no ties
    expected = merged(left, right, parts, when)[0].transpose(1, 2, 0)
    pair = [image[0].transpose(1, 2, 0).copy() for image in (left, right)]
    made = merge_on_cpu(*pair, parts[0], 0.4, difference(*pair))
    np.testing.assert_allclose(made, expected, atol=1e-4)
    cut_parts = parts[0, :, : -(-size[0] // 2), : -(-size[1] // 2)]
    pair = [image[: size[0], : size[1]].copy() for image in pair]
    cut = merge_on_cpu(*pair, cut_parts, 0.4, difference(*pair))
    inner = np.s_[: size[0] - 24, : size[1] - 24]
    np.testing.assert_allclose(cut[inner], expected[inner], atol=1e-4)


@pytest.mark.parametrize("t", [0.001, 0.3, 0.999])
def test_any_timestep_gives_finite_parts_of_half_the_size(both_modes: LiteParts, t: float) -> None:
    load(both_modes, random_values(1))
    made = run(both_modes, *inputs(2, 64, 96, t))
    assert made.shape == (2, 7, 32, 48)
    assert made.dtype == np.float32
    assert np.isfinite(made).all()


def test_members_of_a_batch_do_not_touch_each_other() -> None:
    cell = network(random_values(2))
    arrays = inputs(2, 64, 64, 0.4)
    both = run(cell, *arrays)
    for number in range(2):
        alone = run(cell, *(array[number : number + 1] for array in arrays))
        np.testing.assert_allclose(both[number], alone[0], atol=1e-3)  # flows are in pixels


def test_bundled_weights_fit_and_keep_a_still_picture_still() -> None:
    path = find_weights("lite")
    assert path is not None
    values = load_file(path)
    shapes = {name: tuple(parameter.shape) for name, parameter in Lite().parameters_and_names()}
    assert {name: value.shape for name, value in values.items()} == shapes
    with safe_open(path, "numpy") as file:
        assert {"name", "recipe", "samples", "hold_out_psnr", "licence"} <= set(file.metadata())
    ramp = np.linspace(0.1, 0.9, 96, dtype=np.float32)
    picture = np.broadcast_to(ramp, (1, 3, 64, 96)).copy()
    picture[:, 1, 20:40, 30:60] = 0.2
    still = np.zeros((1, 4, 16, 24), np.float32)
    when = np.full((1, 1, 1, 1), 0.5, np.float32)
    made = merged(picture, picture, run(network(values), picture, picture, still, when), when)
    assert np.abs(made - picture).mean() < 1 / 255


@pytest.mark.parametrize("t", [0.35, 0.8])
def test_the_pytorch_twin_agrees(both_modes: LiteParts, t: float, monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    sys.modules.pop("lite_torch", None)
    from lite_torch import Lite as Twin  # type: ignore[import-not-found]
    from lite_torch import merge as merge_in_torch

    values = random_values(3)
    twin = Twin()
    twin.load_state_dict({name: torch.from_numpy(value) for name, value in values.items()})
    load(both_modes, values)
    arrays = inputs(2, 64, 96, t)
    with torch.no_grad():
        flow, choice = twin.estimate(*(torch.from_numpy(array) for array in arrays))
        expected = torch.cat([flow, choice], 1)
        made = merge_in_torch(*(torch.from_numpy(arrays[k]) for k in (0, 1)), flow, choice, torch.from_numpy(arrays[3]))
    largest = np.maximum(1, np.abs(expected.numpy()).max((0, 2, 3), keepdims=True))  # flows are in pixels
    np.testing.assert_allclose(run(both_modes, *arrays) / largest, expected.numpy() / largest, atol=1e-4)
    own = merged(arrays[0], arrays[1], expected.numpy(), arrays[3])
    apart = np.abs(own - made.numpy())
    assert np.mean(apart > 1e-4) < 5e-3  # positions are rounded, and the few that lie between two steps to either side
    assert apart.max() < 0.05


def test_it_is_small_enough() -> None:
    cell = Lite()
    multiplications = []

    def count(layer: nn.Cell, seen: tuple[ms.Tensor, ...], output: ms.Tensor) -> None:
        n, _, height, width = (seen[0] if isinstance(layer, nn.Conv2dTranspose) else output).shape
        multiplications.append(n * height * width * int(np.prod(layer.weight.shape)))

    for _, layer in cell.cells_and_names():
        if isinstance(layer, nn.Conv2d | nn.Conv2dTranspose):
            layer.register_forward_hook(count)
    with running_in("pynative"):  # a graph runs no hooks
        cell(*map(ms.Tensor, inputs(1, 64, 64, 0.5)))
    assert sum(parameter.size for parameter in cell.get_parameters()) <= MOST_PARAMETERS
    told = MODELS["lite"].multiplications(MODELS["lite"].scales(64, 64)) * 64 * 64
    assert sum(multiplications) == told
    assert told * (448 * 256) / (64 * 64) <= MOST_MULTIPLICATIONS


def test_warp_samples_where_the_flow_points_and_repeats_edges() -> None:
    image = np.arange(12, dtype=np.float32).reshape(1, 1, 3, 4)
    flow = np.zeros((1, 2, 3, 4), np.float32)
    flow[:, 0] = 1.5
    moved = warp(ms.Tensor(image), ms.Tensor(flow)).asnumpy()
    np.testing.assert_allclose(moved[0, 0, 0], [1.5, 2.5, 3, 3], atol=1e-5)


def test_shuffle_puts_channels_into_blocks() -> None:
    x = np.arange(2 * 4 * 2 * 2, dtype=np.float32).reshape(1, 8, 2, 2)
    made = shuffle(ms.Tensor(x)).asnumpy()
    assert made.shape == (1, 2, 4, 4)
    np.testing.assert_array_equal(made[0, 0, :2, :2].ravel(), x[0, :4, 0, 0])

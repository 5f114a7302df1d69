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

from ifrplus_cli.models import MODELS
from ifrplus_cli.models.lite import SHARPNESS, Lite
from ifrplus_cli.models.ops import matching_cost, shuffle, unshuffle, warp
from ifrplus_cli.weights.manifest import find_weights

Array = npt.NDArray[np.float32]
ROOT = Path(__file__).parents[2]
MOST_PARAMETERS, MOST_MULTIPLICATIONS = 2.5e6, 4e9


@pytest.fixture(scope="module", params=MODES)
def both_modes(request: pytest.FixtureRequest) -> Iterator[Lite]:
    """One network in each execution mode: its graph is compiled once for each shape."""
    with running_in(request.param):
        yield network(random_values(1))


def network(values: dict[str, Array] | None = None) -> Lite:
    cell = Lite()
    cell.set_train(False)
    if values is not None:
        load(cell, values)
    return cell


def load(cell: Lite, values: dict[str, Array]) -> None:
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


def run(cell: nn.Cell, *arrays: Array) -> Array:
    made: Array = cell(*(ms.Tensor(array) for array in arrays)).asnumpy()
    return made


@pytest.mark.parametrize("t", [0.5, 0.2])
def test_untrained_it_blends_the_frames_warped_by_the_prior_and_as_they_are(both_modes: Lite, t: float) -> None:
    left, right, prior, when = inputs(2, 64, 96, t)
    prior[:] = np.float32([-2, 1, 3, 0]).reshape(1, 4, 1, 1)
    load(both_modes, untrained_values())
    made = run(both_modes, left, right, prior, when)
    inner = np.s_[:, :, 8:-8, 8:-8]
    moved = (1 - t) * np.roll(left, (2, -1), (3, 2)) + t * np.roll(right, (-3, 0), (3, 2))
    stay = np.exp(-np.logaddexp(0, SHARPNESS * np.abs(right - left).mean(axis=1, keepdims=True)))
    expected = moved + stay * ((1 - t) * left + t * right - moved)
    np.testing.assert_allclose(made[inner], expected[inner], atol=2e-4)


def test_pixels_equal_in_both_frames_stay_where_the_layer_says_so(both_modes: Lite) -> None:
    left, right, prior, when = inputs(1, 64, 96, 0.5)
    right[:, :, 20:40, 30:60] = left[:, :, 20:40, 30:60]
    values = random_values(1)
    values["half_stay.weight"][:] = 0
    values["half_stay.bias"][:] = 20
    load(both_modes, values)
    still = np.abs(run(both_modes, left, right, prior, when) - left)[0]
    assert still[:, 20:40, 30:60].max() < 1e-5
    assert np.median(still[:, 45:]) > 0.05


@pytest.mark.parametrize("t", [0.001, 0.3, 0.999])
def test_any_timestep_gives_finite_pictures_of_the_same_size(both_modes: Lite, t: float) -> None:
    load(both_modes, random_values(1))
    made = run(both_modes, *inputs(2, 64, 96, t))
    assert made.shape == (2, 3, 64, 96)
    assert made.dtype == np.float32
    assert np.isfinite(made).all()


def test_members_of_a_batch_do_not_touch_each_other() -> None:
    cell = network(random_values(2))
    arrays = inputs(2, 64, 64, 0.4)
    both = run(cell, *arrays)
    for number in range(2):
        alone = run(cell, *(array[number : number + 1] for array in arrays))
        np.testing.assert_allclose(both[number], alone[0], atol=1e-4)


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
    made = run(network(values), picture, picture, still, np.full((1, 1, 1, 1), 0.5, np.float32))
    assert np.abs(made - picture).mean() < 1 / 255


@pytest.mark.parametrize("t", [0.35, 0.8])
def test_the_pytorch_twin_agrees(both_modes: Lite, t: float, monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    sys.modules.pop("lite_torch", None)
    from lite_torch import Lite as Twin  # type: ignore[import-not-found]

    values = random_values(3)
    twin = Twin()
    twin.load_state_dict({name: torch.from_numpy(value) for name, value in values.items()})
    load(both_modes, values)
    arrays = inputs(2, 64, 96, t)
    with torch.no_grad():
        expected = twin(*(torch.from_numpy(array) for array in arrays)).numpy()
    np.testing.assert_allclose(run(both_modes, *arrays), expected, atol=1e-4)


def test_it_is_small_enough() -> None:
    cell = network()
    multiplications = []

    def count(layer: nn.Conv2d, _: object, output: ms.Tensor) -> None:
        n, outside, height, width = output.shape
        multiplications.append(n * outside * height * width * int(np.prod(layer.weight.shape[1:])))

    for _, layer in cell.cells_and_names():
        if isinstance(layer, nn.Conv2d):
            layer.register_forward_hook(count)
    with running_in("pynative"):  # a graph runs no hooks
        run(cell, *inputs(1, 64, 64, 0.5))
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


def test_shuffle_undoes_unshuffle_and_puts_channels_into_blocks() -> None:
    x = np.arange(2 * 4 * 4, dtype=np.float32).reshape(1, 2, 4, 4)
    folded = unshuffle(ms.Tensor(x))
    assert folded.shape == (1, 8, 2, 2)
    np.testing.assert_array_equal(folded.asnumpy()[0, :4, 0, 0], x[0, 0, :2, :2].ravel())
    np.testing.assert_array_equal(shuffle(folded).asnumpy(), x)


def test_matching_cost_is_least_at_the_true_shift() -> None:
    draw = np.random.default_rng(4)
    left = draw.random((1, 8, 16, 16), np.float32)
    right = np.roll(left, (2, -1), (2, 3))  # content moves 2 down and 1 to the left
    cost = matching_cost(ms.Tensor(left), ms.Tensor(right), 3).asnumpy()
    assert cost.shape == (1, 49, 16, 16)
    assert (cost[0, :, 5:-5, 5:-5].argmin(axis=0) == (2 + 3) * 7 + (-1 + 3)).all()

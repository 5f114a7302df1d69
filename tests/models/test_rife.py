"""RIFE's network against outputs that were computed elsewhere, for weights that follow from their names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import mindspore as ms
import numpy as np
import numpy.typing as npt
import pytest
from golden import REFERENCE, maker, running_in
from mindspore import nn

from ifrplus_cli.models import MODELS, Scales
from ifrplus_cli.models.rife import Rife
from ifrplus_cli.models.rife_layers import shapes
from ifrplus_cli.weights.manifest import find_weights
from ifrplus_cli.weights.reading import load_weights

Array = npt.NDArray[np.float32]
TOLERANCE = 1e-4
PARAMETERS = 5_664_776
GOLDEN = maker("make_rife_golden")
PUBLISHED = find_weights("rife")


@pytest.fixture
def mode(request: pytest.FixtureRequest) -> Iterator[None]:
    """Runs a test in an execution mode."""
    with running_in(request.param):
        yield


def network(flow_scale: float = 1.0, values: dict[str, Array] | None = None) -> Rife:
    cell = Rife(flow_scale)
    cell.set_train(False)
    for name, parameter in cell.parameters_and_names():
        value = values[name] if values else GOLDEN.rule(name, parameter.shape)
        parameter.set_data(ms.Tensor(value))
    return cell


def run(cell: Rife, left: Array, right: Array, t: float) -> Array:
    when = np.full((len(left), 1, 1, 1), t, np.float32)
    made: Array = cell(ms.Tensor(left), ms.Tensor(right), ms.Tensor(when)).asnumpy()
    return made


def flows(cell: Rife, left: Array, right: Array, t: float) -> Array:
    images = np.stack((left, right), 1).reshape(-1, *left.shape[1:])
    flow, _ = cell.estimate(ms.Tensor(images), ms.Tensor(np.full((len(left), 1, 1, 1), t, np.float32)))
    found: Array = flow.asnumpy()
    return found


def assert_same_flow(found: Array, expected: Array) -> None:
    np.testing.assert_allclose(found, expected, atol=1e-3 * np.abs(expected).max(), rtol=0)


# Each graph takes seconds to compile.
@pytest.mark.parametrize(
    ("name", "mode"), [*((name, "pynative") for name in GOLDEN.CASES), ("half", "graph")], indirect=["mode"]
)
@pytest.mark.usefixtures("mode")
def test_it_makes_the_same_as_its_twin(name: str) -> None:
    case = GOLDEN.CASES[name]
    with np.load(Path(__file__).parent / "rife_golden.npz") as file:
        left, right = (picture[np.newaxis] / np.float32(255) for picture in file[f"{name}/input"])
        expected, flow = file[f"{name}/made"] / np.float32(65535), file[f"{name}/flow"]
    cell = network(case.flow_scale)
    np.testing.assert_allclose(run(cell, left, right, case.t), expected, atol=TOLERANCE, rtol=0)
    if ms.get_context("mode") == ms.PYNATIVE_MODE:
        assert_same_flow(flows(cell, left, right, case.t)[:, :, ::8, ::8], flow)
    assert expected.std() > 0.1
    assert np.abs(flow).max() > 4


@pytest.mark.skipif(not REFERENCE.is_dir() or PUBLISHED is None, reason="needs the large reference and the weights")
@pytest.mark.parametrize("mode", ["pynative", "graph"], indirect=True)
@pytest.mark.usefixtures("mode")
def test_it_makes_the_same_as_the_published_network() -> None:
    assert PUBLISHED is not None
    cell = network(values=load_weights(PUBLISHED, shapes()))
    with np.load(REFERENCE / "rife_golden.npz") as file:
        left, right = (file[name].transpose(2, 0, 1)[np.newaxis] / np.float32(255) for name in ("left", "right"))
        for name, t in (("05", 0.5), ("025", 0.25)):
            made = run(cell, left, right, t)[0]
            np.testing.assert_allclose(made, file[f"made_{name}"], atol=TOLERANCE, rtol=0)
            if ms.get_context("mode") == ms.PYNATIVE_MODE:
                assert_same_flow(flows(cell, left, right, t)[0], file[f"flow_{name}"])


def test_it_has_the_parameters_of_the_published_network() -> None:
    found = {name: tuple(parameter.shape) for name, parameter in Rife().parameters_and_names()}
    assert found == shapes()
    assert sum(int(np.prod(shape)) for shape in found.values()) == PARAMETERS


@pytest.mark.parametrize("mode", ["pynative"], indirect=True)
@pytest.mark.usefixtures("mode")
def test_members_of_a_batch_do_not_touch_each_other() -> None:
    cell, draw = network(), np.random.default_rng(5)
    left, right = (draw.random((2, 3, 64, 64), np.float32) for _ in range(2))
    both = run(cell, left, right, 0.3)
    for number in range(2):
        one = np.s_[number : number + 1]
        np.testing.assert_allclose(both[one], run(cell, left[one], right[one], 0.3), atol=TOLERANCE)
    assert np.abs(both - run(cell, left, right, 0.7)).max() > 1e-3


@pytest.mark.parametrize("mode", ["pynative"], indirect=True)
@pytest.mark.usefixtures("mode")
def test_its_multiplications_are_those_that_are_stated() -> None:
    cell, counted = network(0.5), []

    def count(layer: nn.Cell, given: tuple[ms.Tensor, ...], made: ms.Tensor) -> None:
        positions = given[0] if isinstance(layer, nn.Conv2dTranspose) else made
        kernel = (layer.conv if hasattr(layer, "beta") else layer).weight
        counted.append(positions.shape[0] * positions.shape[2] * positions.shape[3] * int(np.prod(kernel.shape)))

    for _, layer in cell.cells_and_names():
        if isinstance(layer, nn.Conv2d | nn.Conv2dTranspose) or hasattr(layer, "beta"):
            layer.register_forward_hook(count)
    run(cell, *(np.zeros((1, 3, 128, 128), np.float32) for _ in range(2)), 0.5)
    assert sum(counted) == pytest.approx(128 * 128 * MODELS["rife"].multiplications(Scales(0.5)))

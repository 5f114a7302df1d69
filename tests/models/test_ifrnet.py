"""The IFRNet family against outputs that were computed elsewhere, for weights that follow from their names."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import mindspore as ms
import numpy as np
import numpy.typing as npt
import pytest
from golden import REFERENCE, maker, running_in
from mindspore import nn

from ifrplus_cli.models import MODELS, Scales
from ifrplus_cli.models.ifrnet import IfrNet, PReLU
from ifrplus_cli.models.ifrnet_family import BASE, LARGE, SMALL, multiplications, shapes, widths_of
from ifrplus_cli.models.ifrnet_family import MEMBERS as FAMILY

Array = npt.NDArray[np.float32]
TOLERANCE = 1e-4
MEMBERS = {"s": SMALL, "base": BASE, "l": LARGE}
PARAMETERS = {"s": 2_803_610, "base": 4_959_692, "l": 19_699_460}


GOLDEN = maker("make_ifrnet_golden")


@pytest.fixture
def mode(request: pytest.FixtureRequest) -> Iterator[None]:
    """Runs a test in an execution mode."""
    with running_in(request.param):
        yield


def network(member: str, flow_scale: float = 1.0) -> IfrNet:
    cell = IfrNet(MEMBERS[member], flow_scale)
    cell.set_train(False)
    for name, parameter in cell.parameters_and_names():
        parameter.set_data(ms.Tensor(GOLDEN.rule(name, parameter.shape)))
    return cell


def run(cell: IfrNet, left: Array, right: Array, t: float | None = None) -> Array:
    when = () if t is None else (ms.Tensor(np.full((len(left), 1, 1, 1), t, np.float32)),)
    made: Array = cell(ms.Tensor(left), ms.Tensor(right), *when).asnumpy()
    return made


def pictures(count: int, height: int, width: int) -> tuple[Array, Array]:
    draw = np.random.default_rng(5)
    left, right = (draw.random((count, 3, height, width), np.float32) for _ in range(2))
    return left, right


# Each graph takes seconds to compile: members differ in widths alone, so each is compiled once, each at another scale.
@pytest.mark.parametrize(
    ("name", "mode"),
    [*((name, "pynative") for name in GOLDEN.CASES), ("small", "graph"), ("large", "graph")],
    indirect=["mode"],
)
@pytest.mark.usefixtures("mode")
def test_it_makes_the_same_as_its_twin(name: str) -> None:
    case = GOLDEN.CASES[name]
    with np.load(Path(__file__).parent / "ifrnet_golden.npz") as file:
        left, right = file[f"{name}/input"] / np.float32(255)
        expected = file[f"{name}/made"]
    made = run(network(case.member, case.flow_scale), left, right, case.t)
    np.testing.assert_allclose(made, expected, atol=TOLERANCE, rtol=0)
    assert expected.std() > 0.1


@pytest.mark.skipif(not REFERENCE.is_dir(), reason="the large reference is not part of the project")
@pytest.mark.parametrize(
    ("member", "flow_scale", "mode"),
    [*((member, scale, "pynative") for member in MEMBERS for scale in (1.0, 0.5)), ("base", 0.5, "graph")],
    indirect=["mode"],
)
@pytest.mark.usefixtures("mode")
def test_it_makes_the_same_as_the_reference(member: str, flow_scale: float) -> None:
    cell = network(member, flow_scale)
    with np.load(REFERENCE / "ifrnet_golden.npz") as file:
        left, right = np.split(file["input"], 2)
        cases = [name for name in file if name.startswith(f"{member}/") and name.endswith(f"_scale{flow_scale}")]
        assert cases
        for name in cases:
            t = float(name.partition("/t")[2].partition("_")[0])
            np.testing.assert_allclose(run(cell, left, right, t), file[name], atol=TOLERANCE, rtol=0)


@pytest.mark.parametrize("member", MEMBERS)
def test_it_has_the_parameters_of_the_published_network(member: str) -> None:
    found = {name: tuple(parameter.shape) for name, parameter in IfrNet(MEMBERS[member]).parameters_and_names()}
    assert list(found.items()) == list(shapes(MEMBERS[member]).items())
    assert len(found) == 104
    assert sum(int(np.prod(shape)) for shape in found.values()) == PARAMETERS[member]
    if REFERENCE.is_dir():
        assert list(found.items()) == [
            (name, tuple(shape)) for name, shape in json.loads((REFERENCE / "ifrnet_params.json").read_text())[member]
        ]


@pytest.mark.parametrize("mode", ["pynative"], indirect=True)
@pytest.mark.usefixtures("mode")
def test_without_a_timestep_it_makes_the_midpoint() -> None:
    cell, pair = network("s"), pictures(1, 32, 48)
    made = run(cell, *pair)
    np.testing.assert_array_equal(made, run(cell, *pair, t=0.5))
    assert np.abs(made - run(cell, *pair, t=0.2)).max() > 1e-3


@pytest.mark.parametrize("mode", ["pynative"], indirect=True)
@pytest.mark.usefixtures("mode")
def test_members_of_a_batch_do_not_touch_each_other() -> None:
    cell = network("s", 0.5)
    left, right = pictures(2, 64, 32)
    left[0] *= 0.2  # another mean
    both = run(cell, left, right)
    for number in range(2):
        one = np.s_[number : number + 1]
        np.testing.assert_allclose(both[one], run(cell, left[one], right[one]), atol=TOLERANCE)


@pytest.mark.parametrize("mode", ["pynative"], indirect=True)
@pytest.mark.usefixtures("mode")
def test_slopes_of_any_sign_are_used() -> None:
    x = np.float32([-2, 3]).reshape(1, 1, 1, 2).repeat(3, 1)
    cell = PReLU(3)
    cell.weight.set_data(ms.Tensor(np.float32([-1, 0.5, 2])))
    np.testing.assert_allclose(cell(ms.Tensor(x)).asnumpy()[0, :, 0], [[2, 3], [-1, 3], [-4, 3]])


@pytest.mark.parametrize("mode", ["pynative"], indirect=True)
@pytest.mark.usefixtures("mode")
def test_its_multiplications_are_those_that_are_stated() -> None:
    cell = network("s", 0.5)
    counted = []

    def count(layer: nn.Cell, given: tuple[ms.Tensor, ...], made: ms.Tensor) -> None:
        positions = given[0] if isinstance(layer, nn.Conv2dTranspose) else made
        counted.append(positions.shape[0] * positions.shape[2] * positions.shape[3] * int(np.prod(layer.weight.shape)))

    for _, layer in cell.cells_and_names():
        if isinstance(layer, nn.Conv2d | nn.Conv2dTranspose):
            layer.register_forward_hook(count)
    run(cell, *pictures(1, 64, 64))
    told = 64 * 64 * MODELS["ifrnet-s"].multiplications(Scales(0.5))
    assert sum(counted) == pytest.approx(told)


def test_every_member_has_weights_for_the_midpoint_and_for_any_timestep() -> None:
    for name in FAMILY:
        assert not MODELS[name].any_timestep
        assert MODELS[f"{name}-gopro"].any_timestep
        assert widths_of(name) is widths_of(f"{name}-gopro")
        assert MODELS[name].multiplications(Scales(1)) == multiplications(widths_of(name))

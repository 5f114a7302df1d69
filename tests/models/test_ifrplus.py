"""The full network against outputs that were computed once, for weights that follow from their names."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import mindspore as ms
import numpy as np
import numpy.typing as npt
import pytest
from golden import REFERENCE, maker, running_in

from ifrplus_cli.models.ifrplus import IfrPlus

Array = npt.NDArray[np.float32]
TOLERANCE = 1e-3
HALF_PRECISION_ERROR = 4e-3  # mean
LEVELS = (1, 2, 3, 4)
# Flow and refiner scale of each case of the reference.
LARGE_CASES = {
    "full_96x128": (1.0, 1.0),
    "flow0.25_128x192": (0.25, 1.0),
    "flow0.125_refine0.5_256x256": (0.125, 0.5),
}


@dataclass(frozen=True)
class Case:
    """A pair of pictures, (1, 3, H, W) each, and what the network must make of it."""

    scales: tuple[float, float]
    left: Array
    right: Array
    raw: Array
    flows: tuple[Array, ...]


GOLDEN = maker("make_ifrplus_golden")


def small_case(name: str) -> Case:
    with np.load(Path(__file__).parent / "ifrplus_golden.npz") as file:
        left, right = file[f"{name}/input"] / np.float32(255)
        flows = tuple(file[f"{name}/flow{level}"] for level in LEVELS)
        return Case(GOLDEN.CASES[name][:2], left, right, file[f"{name}/raw"], flows)


def large_case(name: str) -> Case:
    with np.load(REFERENCE / "ifrplus_golden.npz") as file:
        pair = file[f"{name}/input"]
        flows = tuple(np.concatenate([file[f"{name}/flow{side}_{level}"] for side in (0, 1)], 1) for level in LEVELS)
        return Case(LARGE_CASES[name], pair[:, 0], pair[:, 1], file[f"{name}/raw"], flows)


@pytest.fixture
def mode(request: pytest.FixtureRequest) -> Iterator[None]:
    """Runs a test in an execution mode."""
    with running_in(request.param):
        yield


def network(scales: tuple[float, float], dtype: ms.Type = ms.float32) -> IfrPlus:
    cell = IfrPlus(*scales, dtype)
    cell.set_train(False)
    for name, parameter in cell.parameters_and_names():
        parameter.set_data(ms.Tensor(GOLDEN.rule(name, parameter.shape)))
    return cell


def run(cell: ms.nn.Cell, case: Case) -> tuple[Array, tuple[Array, ...]]:
    raw, flows = cell(ms.Tensor(case.left), ms.Tensor(case.right))
    return raw.asnumpy(), tuple(flow.asnumpy() for flow in flows)


def check(case: Case) -> None:
    check_made(case, *run(network(case.scales).generator, case))


def check_made(case: Case, raw: Array, flows: tuple[Array, ...]) -> None:
    np.testing.assert_allclose(raw, case.raw, atol=TOLERANCE, rtol=0)
    for flow, expected in zip(flows, case.flows, strict=True):
        np.testing.assert_allclose(flow, expected, atol=TOLERANCE * np.abs(expected).max(), rtol=0)


# A run takes seconds whatever its size, and to compile the graph most of a minute: the case that scales is compiled.
@pytest.mark.parametrize(("name", "mode"), [("full", "pynative"), ("half", "graph")], indirect=["mode"])
@pytest.mark.usefixtures("mode")
def test_it_makes_what_was_computed_before(name: str) -> None:
    check(small_case(name))


@pytest.mark.skipif(not REFERENCE.is_dir(), reason="the large reference is not part of the project")
@pytest.mark.parametrize("name", LARGE_CASES)
def test_it_makes_the_same_as_the_reference(name: str) -> None:
    with running_in("pynative"):  # the graph is held to the small reference above
        check(large_case(name))


def test_it_has_the_parameters_of_the_published_network() -> None:
    shapes = {name: list(parameter.shape) for name, parameter in IfrPlus().parameters_and_names()}
    assert len(shapes) == 645
    assert sum(int(np.prod(shape)) for shape in shapes.values()) == 29_432_796
    if REFERENCE.is_dir():
        assert shapes == dict(json.loads((REFERENCE / "ifrplus_params.json").read_text()))


def test_the_frame_is_clipped() -> None:
    case, generated = small_case("half"), []
    cell = network(case.scales)
    cell.generator.register_forward_hook(lambda _, given, made: generated.append(made))
    with running_in("pynative"):  # a graph runs no hooks
        made = cell(ms.Tensor(case.left), ms.Tensor(case.right)).asnumpy()
    ((raw, flows),) = generated
    check_made(case, raw.asnumpy(), tuple(flow.asnumpy() for flow in flows))
    np.testing.assert_array_equal(made, raw.asnumpy().clip(0, 1))
    assert case.raw.min() < 0 or case.raw.max() > 1


def test_half_precision_stays_near() -> None:
    case = small_case("half")  # CPUs are slow at it
    with running_in("pynative"):
        raw, flows = run(network(case.scales, ms.float16).generator, case)
    assert raw.dtype == np.float32
    assert all(flow.dtype == np.float32 for flow in flows)
    assert np.abs(raw - case.raw).mean() < HALF_PRECISION_ERROR
    assert not np.array_equal(raw, case.raw)

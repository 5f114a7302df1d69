"""The graph in 8 bits: where it is used, and what it makes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from ifrplus_cli.errors import ModelError
from ifrplus_cli.models import MODELS
from ifrplus_cli.network import engine_onnx, int8
from ifrplus_cli.network.choose import Work, choose_network
from ifrplus_cli.network.device import Device, this_machine
from ifrplus_cli.network.engine import MINDSPORE, Engine
from ifrplus_cli.network.engine_onnx import CPU_PROVIDER, OnnxNetwork
from ifrplus_cli.network.plan import NetworkOptions, plan_network
from ifrplus_cli.network.request import NetworkRequest
from ifrplus_cli.weights.manifest import find_file, find_weights

ON_CPU, CPU, HALF = Engine("onnx", CPU_PROVIDER), Device("CPU"), Fraction(1, 2)
WORK = Work((64, 96), (HALF,), 1)


@pytest.fixture(autouse=True)
def forgotten(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Nothing is known of this machine."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    int8.try_int8.cache_clear()
    yield
    int8.try_int8.cache_clear()


class Cpu:
    """A machine whose CPU has instructions for 8 bits, or has not."""

    def __init__(self, able: bool) -> None:
        self.able = able

    def multiplies_int8(self) -> bool:
        return self.able

    def cores(self) -> int:
        return 1

    def facts(self) -> dict[str, str]:
        return {"processor": "one"}


def pretend(monkeypatch: pytest.MonkeyPatch, *, able: bool, seconds: dict[str, float]) -> list[str]:
    """Return the precisions that are tried."""
    tried: list[str] = []
    monkeypatch.setattr(int8, "this_machine", lambda: Cpu(able))
    monkeypatch.setattr(int8, "_seconds", lambda model, precision: tried.append(precision) or seconds[precision])
    return tried


@pytest.mark.parametrize(("share", "precision"), [(0.6, "int8"), (0.95, "fp32")])
def test_auto_is_what_is_faster(share: float, precision: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, able=True, seconds={"int8": share, "fp32": 1.0})
    plan = plan_network(MODELS["lite"], ON_CPU, CPU, (64, 96), [HALF])
    assert plan.precision == precision
    assert (
        plan.reasons[0] == f"The precision is {precision}: 8 bits take {share:.0%} of the time in a trial on this CPU."
    )


def test_without_instructions_nothing_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = pretend(monkeypatch, able=False, seconds={})
    plan = plan_network(MODELS["lite"], ON_CPU, CPU, (64, 96), [HALF])
    assert (plan.precision, tried) == ("fp32", [])
    assert "no instructions" in plan.reasons[0]


def test_a_machine_is_tried_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    tried = pretend(monkeypatch, able=True, seconds={"int8": 0.5, "fp32": 1.0})
    first = int8.try_int8("lite")
    int8.try_int8.cache_clear()  # as in another process
    assert int8.try_int8("lite") == first
    assert tried == ["int8", "fp32"]
    (memory,) = tmp_path.rglob("*.json")
    memory.write_text(json.dumps({**json.loads(memory.read_text()), "onnxruntime": "another"}))
    int8.try_int8.cache_clear()
    assert int8.try_int8("lite") == first
    assert tried == ["int8", "fp32"] * 2
    memory.write_text("broken")
    int8.try_int8.cache_clear()
    assert int8.try_int8("lite") == first


def test_what_cannot_be_remembered_is_no_obstacle(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "ifrplus").write_text("a file where the folder should be")
    pretend(monkeypatch, able=True, seconds={"int8": 0.5, "fp32": 1.0})
    assert int8.try_int8("lite")[0]


def test_other_weights_run_in_single_precision(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The kernels are made of the bundled weights: others in a folder must not be mixed with them."""
    other = tmp_path / "lite.safetensors"
    other.write_bytes(b"other weights")
    monkeypatch.setattr(int8, "this_machine", lambda: Cpu(able=True))
    monkeypatch.setattr(engine_onnx, "this_machine", lambda: Cpu(able=True))
    monkeypatch.setattr(engine_onnx, "find_weights", lambda name: other)
    assert int8.try_int8("lite") == (False, "The graph in 8 bits is one of other weights")
    assert not list(tmp_path.rglob("*.json"))


@pytest.mark.skipif(not this_machine().multiplies_int8(), reason="this CPU has no instructions for 8 bits")
def test_several_tiles_at_once_are_what_each_is_by_itself() -> None:
    network = OnnxNetwork(MODELS["lite"], (3, 64, 96), CPU_PROVIDER, threads=1, parts=True, precision="int8")
    draw = np.random.default_rng(0)
    features = [network.encode(draw.random((3, 3, 64, 96), np.float32)) for _ in range(2)]
    alike = draw.random((3, 1, 32, 48), np.float32)
    prior = draw.normal(0, 4, (3, 4, 16, 24)).astype(np.float32)
    arrays = (*features, alike, prior, np.full((3, 1, 1, 1), 0.5, np.float32))
    together = network(*arrays)
    for number in range(3):
        alone = network(*(array[number : number + 1] for array in arrays))
        np.testing.assert_allclose(together[number], alone[0], atol=1e-5)


def test_a_cpu_without_instructions_refuses_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_onnx, "this_machine", lambda: Cpu(able=False))
    with pytest.raises(ModelError, match="no instructions") as refused:
        OnnxNetwork(MODELS["lite"], (1, 64, 96), CPU_PROVIDER, parts=True, precision="int8")
    assert "fp32" in (refused.value.hint or "")


def test_only_a_cpu_runs_it_and_only_with_the_bundled_weights(tmp_path: Path) -> None:
    for engine, device in ((MINDSPORE, CPU), (Engine("onnx", "CUDAExecutionProvider"), Device("GPU"))):
        with pytest.raises(ModelError, match="int8"):
            plan_network(MODELS["lite"], engine, device, (64, 96), [HALF], NetworkOptions(precision="int8"))
    mine = tmp_path / "mine.safetensors"
    with pytest.raises(ModelError, match="bundled weights"):
        choose_network(WORK, NetworkRequest(weights=mine, precision="int8", engine="onnx", device="CPU"))
    assert choose_network(WORK, NetworkRequest(weights=mine, engine="onnx", device="CPU")).precision == "fp32"


@pytest.fixture
def copied(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder of weights with all that the graph in 8 bits reads, on a CPU that computes it."""
    folder = tmp_path / "weights"
    folder.mkdir()
    names = ("lite.onnx", "lite-int8.onnx", "lite-int8.safetensors", "lite-features.onnx", "lite.safetensors")
    for name in names:
        shutil.copy(str(find_file(name)), folder)
    monkeypatch.setenv("IFRPLUS_WEIGHTS", str(folder))
    pretend(monkeypatch, able=True, seconds={"int8": 0.5, "fp32": 1.0})
    return folder


def test_weights_that_are_a_link_run_in_single_precision(copied: Path, tmp_path: Path) -> None:
    """ONNX Runtime reads no file beyond the folder of a graph: then the parameters are supplied."""
    weights = copied / "lite.safetensors"
    weights.rename(tmp_path / "elsewhere.safetensors")
    weights.symlink_to(tmp_path / "elsewhere.safetensors")
    assert find_weights("lite") == weights
    assert not int8.try_int8("lite")[0]
    network = OnnxNetwork(MODELS["lite"], (1, 64, 96), CPU_PROVIDER, threads=1, parts=True)
    assert network.encode(np.zeros((1, 3, 64, 96), np.float32)).shape == (1, 7, 32, 48)


def test_a_folder_that_is_a_link_changes_nothing(copied: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(copied)
    monkeypatch.setenv("IFRPLUS_WEIGHTS", str(tmp_path / "link"))
    assert int8.try_int8("lite")[0]
    if this_machine().multiplies_int8():
        network = OnnxNetwork(MODELS["lite"], (1, 64, 96), CPU_PROVIDER, threads=1, parts=True, precision="int8")
        assert network.encode(np.zeros((1, 3, 64, 96), np.float32)).shape == (1, 7, 32, 48)


def test_kernels_that_are_missing_or_others_leave_single_precision(copied: Path) -> None:
    kernels = copied / "lite-int8.safetensors"
    assert int8.try_int8("lite")[0]
    kernels.write_bytes(kernels.read_bytes()[:-1] + b"?")
    for _ in range(2):
        int8.try_int8.cache_clear()
        assert int8.try_int8("lite") == (
            False,
            "the graph in 8 bits, its kernels or the weights of both are missing or changed",
        )
        kernels.unlink(missing_ok=True)
    plan = plan_network(MODELS["lite"], ON_CPU, CPU, (64, 96), [HALF])
    assert plan.precision == "fp32"

"""The chosen engine and device, and the messages about the choice."""

from __future__ import annotations

from pathlib import Path

import pytest

from ifrplus_cli.errors import DeviceError, IfrplusError, ModelError
from ifrplus_cli.models import MODELS
from ifrplus_cli.network import engine, engine_onnx
from ifrplus_cli.network.device import Device
from ifrplus_cli.network.engine import MINDSPORE, Engine, choose_engine, engine_states, thread_count
from ifrplus_cli.network.machine import Machine

ON_CPU = Engine("onnx", "CPUExecutionProvider")
CUDA = "CUDAExecutionProvider"


class Here:
    """A machine of which everything is made up: its files, ONNX Runtime's providers, and what MindSpore can use."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.mindspores = Device("CPU")
        self.providers: tuple[str, ...] = ()
        self.works = True
        self.installed = True
        self.notes: list[str] = []
        monkeypatch.setattr(engine, "choose_device", self._choose_device)
        monkeypatch.setattr(engine_onnx, "is_installed", lambda: self.installed)
        monkeypatch.setattr(engine_onnx, "gpu_providers", lambda: self.providers)
        monkeypatch.setattr(engine_onnx, "choose_gpu_provider", self._choose_gpu_provider)

    def with_files(self, *names: str) -> Here:
        """Adds devices."""
        for name in names:
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / name).touch()
        return self

    def choose(self, wanted: str = "auto", device: str = "auto", model: str = "auto") -> tuple[Engine, Device, str]:
        machine = Machine(self.folder / "plugin", self.folder, {}, lambda name: False)
        return choose_engine(wanted, device, model, self.notes.append, machine)

    def _choose_device(self, text: str, note: object, machine: Machine) -> Device:
        return self.mindspores

    def _choose_gpu_provider(self, number: int) -> str:
        if not self.works:
            raise DeviceError("ONNX Runtime can't use the device GPU:0: no driver.", "Install the driver.")
        return self.providers[0]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Here:
    return Here(tmp_path, monkeypatch)


def test_auto_is_onnx_runtime_on_a_cpu(here: Here) -> None:
    for model in ("auto", "lite"):
        chosen, device, why = here.choose(model=model)
        assert (chosen, device) == (ON_CPU, Device("CPU"))
        assert "installed" in why


def test_auto_is_mindspore_where_onnx_runtime_is_missing(here: Here) -> None:
    here.installed = False
    assert here.choose() == (MINDSPORE, Device("CPU"), "ONNX Runtime is not installed")


def test_auto_is_mindspore_for_a_network_without_a_graph(here: Here) -> None:
    chosen, _, why = here.choose(model="ifrplus")
    assert chosen == MINDSPORE
    assert "no ONNX graph" in why


def test_an_ascend_npu_is_mindspores(here: Here) -> None:
    here.with_files("dev/davinci0").mindspores = Device("Ascend")
    assert here.choose()[:2] == (MINDSPORE, Device("Ascend"))
    assert here.choose(device="ascend")[:2] == (MINDSPORE, Device("Ascend"))


def test_an_npu_that_does_not_work_leaves_the_cpu_to_onnx_runtime(here: Here) -> None:
    assert here.with_files("dev/davinci0").choose()[:2] == (ON_CPU, Device("CPU"))


def test_a_gpu_is_taken_where_a_provider_works_on_it(here: Here) -> None:
    here.providers = (CUDA,)
    assert here.choose()[:2] == (Engine("onnx", CUDA), Device("GPU"))
    assert here.choose(device="gpu:1")[:2] == (Engine("onnx", CUDA), Device("GPU", 1))


def test_a_provider_that_fails_is_reported_and_not_used(here: Here) -> None:
    here.providers, here.works = (CUDA,), False
    assert here.choose()[:2] == (ON_CPU, Device("CPU"))
    assert here.notes == ["ONNX Runtime can't use the device GPU:0: no driver. Install the driver."]
    with pytest.raises(DeviceError, match="no driver"):
        here.choose(device="GPU")


def test_a_gpu_that_no_engine_can_use_is_reported(here: Here) -> None:
    assert here.with_files("dev/nvidia0").choose()[:2] == (ON_CPU, Device("CPU"))
    (note,) = here.notes
    assert note.startswith("The device GPU:0 exists but is not used: the installed ONNX Runtime has no provider")


def test_the_requested_engine_is_used(here: Here) -> None:
    assert here.choose("mindspore") == (MINDSPORE, Device("CPU"), "it was requested")
    assert here.choose("onnx") == (ON_CPU, Device("CPU"), "it was requested")
    assert here.choose("onnx", "CPU", "lite") == (ON_CPU, Device("CPU"), "it was requested")


@pytest.mark.parametrize(
    ("device", "model", "error", "told"),
    [
        ("auto", "ifrplus", ModelError, "no ONNX graph of the network ifrplus"),
        ("ascend", "lite", DeviceError, "does not run on an Ascend NPU"),
        ("gpu", "lite", DeviceError, "GPU:0 can't be used: the installed ONNX Runtime has no provider"),
        ("tpu", "lite", DeviceError, "is not a device"),
    ],
)
def test_impossible_requests_are_refused(
    device: str, model: str, error: type[IfrplusError], told: str, here: Here
) -> None:
    with pytest.raises(error, match=told) as refused:
        here.choose("onnx", device, model)
    assert refused.value.hint


def test_onnx_runtime_is_named_with_its_package_where_it_is_missing(here: Here) -> None:
    here.installed = False
    with pytest.raises(DeviceError) as refused:
        here.choose("onnx")
    assert "pip install onnxruntime onnx" in refused.value.hint
    assert "pip install onnxruntime onnx" in engine_states()["onnxruntime"]


def test_states_name_versions_and_providers() -> None:
    pytest.importorskip("onnxruntime")
    states = engine_states()
    assert states["onnxruntime"].endswith("CPUExecutionProvider")
    assert states["mindspore"][0].isdigit()


def test_threads_are_at_least_one() -> None:
    assert thread_count(ON_CPU) >= 1
    assert thread_count(MINDSPORE) >= 1


def test_every_network_but_the_full_one_has_a_graph(here: Here) -> None:
    assert [name for name, spec in MODELS.items() if not spec.graph] == ["ifrplus"]
    assert here.choose(model="ifrnet-s")[:2] == (ON_CPU, Device("CPU"))


def test_a_graph_that_can_not_be_built_is_no_failure(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_onnx, "makes_graphs", lambda: False)
    assert here.choose(model="lite")[0] == ON_CPU
    chosen, _, why = here.choose(model="ifrnet-s")
    assert chosen == MINDSPORE
    assert "package onnx" in why
    with pytest.raises(DeviceError) as refused:
        here.choose("onnx", model="ifrnet-s")
    assert "pip install" in refused.value.hint

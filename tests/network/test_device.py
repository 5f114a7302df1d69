"""A device is really tried, and never replaced silently by another one."""

from __future__ import annotations

import subprocess
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from ifrplus_cli.errors import DeviceError
from ifrplus_cli.network.device import Device, choose_device, device_states, mindspore_version, parse_device
from ifrplus_cli.network.machine import Machine


class FakeMindSpore(SimpleNamespace):
    """Stands in for MindSpore on a machine with some devices: it keeps the first device that it takes."""

    GRAPH_MODE = 0
    __version__ = "2.0"
    __file__ = "/nowhere/mindspore/__init__.py"

    def __init__(self, *kinds: str, sums: float = 5.0) -> None:
        super().__init__(kinds=kinds, chosen=[], sums=sums)
        self.__spec__ = ModuleSpec("mindspore", None, origin=self.__file__)

    def set_device(self, kind: str, number: int = 0) -> None:
        if kind not in self.kinds:
            raise RuntimeError(f"Unsupported device target {kind}. This build knows {self.kinds}.\nMore lines.")
        if self.chosen and self.chosen != [(kind, number)]:
            raise RuntimeError("The 'mindspore.set_device' can not be modified.")
        self.chosen = [(kind, number)]

    def get_context(self, name: str) -> object:
        kind, number = self.chosen[0] if self.chosen else ("CPU", 0)
        return {"device_target": kind, "device_id": number}[name]

    def set_context(self, mode: int) -> None:
        self.mode = mode

    def Tensor(self, values: list[float]) -> Any:  # noqa: N802
        sums = self.sums

        class Sum:
            def __add__(self, other: float) -> Any:
                return SimpleNamespace(sum=lambda: SimpleNamespace(asnumpy=lambda: np.float32(sums)))

        return Sum()


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes a machine with these devices."""

    def make(*kinds: str, **options: float) -> FakeMindSpore:
        fake = FakeMindSpore(*kinds, **options)
        monkeypatch.setitem(sys.modules, "mindspore", fake)  # type: ignore[arg-type]
        return fake

    return make


@pytest.mark.parametrize(
    ("text", "device"),
    [
        ("auto", None),
        ("AUTO", None),
        ("cpu", Device("CPU")),
        ("CPU", Device("CPU")),
        ("gpu:1", Device("GPU", 1)),
        (" Ascend:7 ", Device("Ascend", 7)),
        ("ascend", Device("Ascend", 0)),
    ],
)
def test_names_are_read_in_any_case(text: str, device: Device | None) -> None:
    assert parse_device(text) == device


@pytest.mark.parametrize(
    "text", ["", "TPU", "cuda:0", "gpu:", "gpu:x", "gpu:-1", "auto:1", "cpu:1:2", "gpu:²", "gpu:12345"]
)
def test_other_names_are_refused(text: str) -> None:
    with pytest.raises(DeviceError, match="is not a device"):
        parse_device(text)


@pytest.mark.parametrize(("device", "text"), [(Device("CPU"), "CPU"), (Device("Ascend", 1), "Ascend:1")])
def test_a_device_is_written_as_it_is_read(device: Device, text: str) -> None:
    assert str(device) == text
    assert parse_device(text) == device


@pytest.mark.parametrize(
    ("kinds", "best"), [(("CPU",), "CPU"), (("CPU", "GPU"), "GPU"), (("CPU", "GPU", "Ascend"), "Ascend")]
)
def test_auto_takes_the_best_device_that_works(kinds: tuple[str, ...], best: str, machine: Any) -> None:
    machine(*kinds)
    assert choose_device("auto").kind == best


def test_a_named_device_is_set_with_its_number(machine: Any) -> None:
    fake = machine("CPU", "GPU", "Ascend")
    assert choose_device("ascend:3") == Device("Ascend", 3)
    assert fake.chosen == [("Ascend", 3)]
    assert fake.mode == fake.GRAPH_MODE


def imitation(folder: Path, *files: str, libraries: tuple[str, ...] = ()) -> Machine:
    """A machine that has these files and libraries."""
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return Machine(folder / "plugin", folder, {}, libraries.__contains__)


def test_a_missing_device_is_an_error_that_names_what_is_missing(machine: Any, tmp_path: Path) -> None:
    machine("CPU")
    for name, lacks, needs in (
        ("Ascend", ("/dev/davinci0", "/usr/local/Ascend/driver", "CANN", "plugin"), "CANN"),
        ("GPU", ("/dev/nvidia0", "libcuda.so.1", "CUDA_HOME", "libcudnn.so.8", "plugin"), "CUDA 11.1 and 11.6"),
    ):
        with pytest.raises(DeviceError) as missing:
            choose_device(name, machine=imitation(tmp_path))
        assert missing.value.message.startswith(f"The device {name}:0 can't be used: this machine lacks ")
        assert all(word in missing.value.message for word in lacks)
        assert needs in missing.value.hint
        assert missing.value.hint.endswith("Available here with --device: CPU.")


def test_if_nothing_is_missing_mindspores_message_is_reported(machine: Any, tmp_path: Path) -> None:
    machine("CPU")
    files = ("dev/davinci0", "usr/local/Ascend/driver/version.info", "plugin/libmindspore_ascend.so.2")
    with pytest.raises(DeviceError) as missing:
        choose_device("Ascend:1", machine=imitation(tmp_path, *files, libraries=("libascendcl.so",)))
    assert missing.value.message == "The device Ascend:1 can't be used: Unsupported device target Ascend."


def test_auto_reports_an_accelerator_that_it_skips(machine: Any, tmp_path: Path) -> None:
    machine("CPU")
    notes: list[str] = []
    assert choose_device("auto", notes.append, imitation(tmp_path, "dev/davinci0")).kind == "CPU"
    (note,) = notes
    assert note.startswith("The device Ascend:0 exists but can't be used: this machine lacks its driver")
    assert "source /usr/local/Ascend/cann/set_env.sh" in note


def test_auto_does_not_mention_missing_accelerators(machine: Any, tmp_path: Path) -> None:
    machine("CPU")
    notes: list[str] = []
    choose_device("auto", notes.append, imitation(tmp_path))
    assert notes == []


@pytest.mark.parametrize("name", ["GPU", "auto"])
def test_a_device_that_computes_nonsense_is_not_used_nor_replaced(name: str, machine: Any, tmp_path: Path) -> None:
    machine("CPU", "GPU", sums=4.0)
    with pytest.raises(DeviceError, match="The device GPU:0 can't be used") as broken:
        choose_device(name, machine=imitation(tmp_path))
    assert broken.value.hint.endswith("Available here with --device: CPU.")


def test_states_say_what_is_ready_and_what_the_others_lack(machine: Any, tmp_path: Path) -> None:
    machine("CPU")
    states = device_states(imitation(tmp_path))
    assert states["CPU"] == "ready"
    assert "libcuda.so.1" in states["GPU"]
    assert "CANN" in states["Ascend"]


def test_states_are_true_of_devices_that_mindspore_has_no_room_for(machine: Any, tmp_path: Path) -> None:
    machine("GPU", "CPU")
    states = device_states(imitation(tmp_path))
    assert (states["GPU"], states["CPU"]) == ("ready", "ready")


def test_a_missing_mindspore_is_an_error_with_a_hint(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "mindspore", None)
    with pytest.raises(DeviceError) as missing:
        choose_device("auto", machine=imitation(tmp_path))
    assert "pip install mindspore" in missing.value.hint


def test_the_version_is_mindspores_own(machine: Any) -> None:
    machine("CPU")
    assert mindspore_version() == "2.0"


def test_the_device_can_be_chosen_again_after_something_ran() -> None:
    script = (
        "import mindspore; from ifrplus_cli.network.device import choose_device;"
        "(mindspore.Tensor([1.0]) + 1).asnumpy(); print(choose_device('CPU'), choose_device('auto'))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["CPU", "CPU"], done.stderr

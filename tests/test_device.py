"""A device is what it says it is, is really tried out, and is never replaced by another one in silence."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from ifrplus_cli.device import Device, choose_device, device_states, free_memory, mindspore_version, parse_device
from ifrplus_cli.errors import DeviceError


class FakeMindSpore(SimpleNamespace):
    """Stands in for MindSpore on a machine with some devices."""

    GRAPH_MODE = 0
    __version__ = "2.0"

    def __init__(self, *kinds: str, sums: float = 5.0) -> None:
        super().__init__(kinds=kinds, chosen=[], sums=sums)

    def set_device(self, kind: str, number: int = 0) -> None:
        if kind not in self.kinds:
            raise RuntimeError(f"Unsupported device target {kind}. This build knows {self.kinds}.\nMore lines.")
        self.chosen.append((kind, number))

    def get_context(self, name: str) -> object:
        return {"device_target": "CPU", "device_id": 0}[name]

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


@pytest.mark.parametrize("text", ["", "TPU", "cuda:0", "gpu:", "gpu:x", "gpu:-1", "auto:1", "cpu:1:2"])
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
def test_auto_takes_the_best_that_works(kinds: tuple[str, ...], best: str, machine: Any) -> None:
    machine(*kinds)
    assert choose_device("auto").kind == best


def test_a_named_device_is_set_with_its_number(machine: Any) -> None:
    fake = machine("CPU", "GPU", "Ascend")
    assert choose_device("ascend:3") == Device("Ascend", 3)
    assert fake.chosen == [("Ascend", 3)]
    assert fake.mode == fake.GRAPH_MODE


def test_a_named_device_that_is_not_there_is_an_error_with_a_hint(machine: Any) -> None:
    machine("CPU")
    with pytest.raises(DeviceError) as missing:
        choose_device("Ascend")
    assert missing.value.message == "The device Ascend:0 can't be used: Unsupported device target Ascend."
    assert "CANN" in missing.value.hint


def test_a_device_that_computes_nonsense_is_not_used(machine: Any) -> None:
    machine("CPU", "GPU", sums=4.0)
    with pytest.raises(DeviceError, match="wrong sums"):
        choose_device("GPU")
    with pytest.raises(DeviceError, match="no device"):
        choose_device("auto")


def test_states_tell_what_is_ready_and_why_not(machine: Any) -> None:
    machine("CPU")
    states = device_states()
    assert states["CPU"] == "ready"
    assert states["GPU"].startswith("Unsupported device target GPU")


def test_a_missing_mindspore_is_an_error_with_a_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mindspore", None)
    with pytest.raises(DeviceError) as missing:
        choose_device("auto")
    assert "pip install mindspore" in missing.value.hint


def test_the_version_is_mindspores_own(machine: Any) -> None:
    machine("CPU")
    assert mindspore_version() == "2.0"


def test_the_device_can_be_chosen_again_after_something_ran() -> None:
    script = (
        "import mindspore; from ifrplus_cli.device import choose_device;"
        "(mindspore.Tensor([1.0]) + 1).asnumpy(); print(choose_device('CPU'), choose_device('auto'))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["CPU", "CPU"], done.stderr


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.mark.parametrize(
    ("limit", "expected"), [(None, 8_000_000 * 1024), ("max", 8_000_000 * 1024), ("3000000000", 2_000_000_000)]
)
def test_free_memory_is_the_system_s_or_the_container_s(
    limit: str | None, expected: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "meminfo", "MemTotal: 16000000 kB\nMemFree: 100 kB\nMemAvailable: 8000000 kB\n")
    if limit is not None:
        write(tmp_path / "group" / "memory.max", f"{limit}\n")
        write(tmp_path / "group" / "memory.current", "1000000000\n")
    monkeypatch.setattr("ifrplus_cli.device.MEMORY_STATE", tmp_path / "meminfo")
    monkeypatch.setattr("ifrplus_cli.device.CONTROL_GROUP", tmp_path / "group")
    assert free_memory(Device("CPU")) == expected


def test_free_memory_is_unknown_where_the_system_does_not_tell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ifrplus_cli.device.MEMORY_STATE", tmp_path / "none")
    assert free_memory(Device("CPU")) is None

from __future__ import annotations

import pytest

from ifrplus_cli.device import Device, choose_device, device_states, mindspore_version, parse_device
from ifrplus_cli.errors import DeviceError


@pytest.mark.parametrize(
    ("text", "device"),
    [
        ("auto", None),
        ("AUTO", None),
        ("cpu", Device("CPU")),
        ("Gpu", Device("GPU")),
        ("ASCEND", Device("Ascend")),
        ("ascend:3", Device("Ascend", 3)),
    ],
)
def test_names_are_read_in_any_case(text: str, device: Device | None) -> None:
    assert parse_device(text) == device


@pytest.mark.parametrize("text", ["", "npu", "cuda", "auto:1", "gpu:", "gpu:x", "gpu:-1"])
def test_other_names_are_refused(text: str) -> None:
    with pytest.raises(DeviceError, match="is not a device"):
        parse_device(text)


def test_the_cpu_works() -> None:
    assert choose_device("cpu") == Device("CPU")


def test_auto_finds_a_device_that_works() -> None:
    chosen = choose_device("auto")
    assert device_states()[chosen.kind] == "ready"


@pytest.mark.parametrize("kind", ["Ascend", "GPU"])
def test_a_device_that_is_not_there_is_an_error_and_no_fall_back(kind: str) -> None:
    if device_states()[kind] == "ready":
        assert choose_device(kind).kind == kind
        return
    with pytest.raises(DeviceError) as caught:
        choose_device(kind)
    assert f"The device {kind}:0 can't be used" in caught.value.message
    assert "It needs" in caught.value.hint


def test_the_version_is_that_of_the_package() -> None:
    assert mindspore_version()[0].isdigit()


def test_a_device_reads_as_it_is_given() -> None:
    assert [str(Device("CPU")), str(Device("GPU", 1))] == ["CPU", "GPU:1"]

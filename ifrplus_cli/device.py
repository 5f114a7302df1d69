"""List, choose and set the device; the only caller of MindSpore's context."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from ifrplus_cli.errors import DeviceError

KINDS = {kind.lower(): kind for kind in ("Ascend", "GPU", "CPU")}
PREFERENCE = ("Ascend", "GPU", "CPU")
WHAT_IS_NEEDED = {
    "Ascend": "It needs an Ascend NPU with its driver and CANN, and MindSpore's Ascend build.",
    "GPU": "It needs an NVIDIA GPU and the CUDA 11.1 or 11.6 libraries that MindSpore's wheels are built for.",
}

MEMORY_STATE = Path("/proc/meminfo")
CONTROL_GROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Device:
    """A device the network runs on; ``kind`` is Ascend, GPU or CPU."""

    kind: str
    number: int = 0

    def __str__(self) -> str:
        return self.kind if self.kind == "CPU" else f"{self.kind}:{self.number}"


def parse_device(text: str) -> Device | None:
    """``auto`` (None), or a kind in any case with an optional number, as in ``ascend:1``.

    Raises:
        DeviceError: for anything else.
    """
    kind, colon, number = text.strip().lower().partition(":")
    if kind == "auto" and not colon:
        return None
    if kind not in KINDS or (colon and not number.isdigit()):
        raise DeviceError(f"{text} is not a device.", "Use auto, CPU, GPU or Ascend, with :1 for the second one.")
    return Device(KINDS[kind], int(number or 0))


def choose_device(text: str) -> Device:
    """Set the device that ``text`` names, or for ``auto`` the best one that really works.

    Raises:
        DeviceError: if a named device is not there; there is no silent fall-back.
    """
    wanted = parse_device(text)
    if wanted is not None:
        if why := _why_not(wanted):
            raise DeviceError(
                f"The device {wanted} can't be used: {why}.",
                f"{WHAT_IS_NEEDED.get(wanted.kind, '')} Use --device auto for what is there.".strip(),
            )
        return wanted
    for kind in PREFERENCE:
        if _why_not(Device(kind)) is None:
            return Device(kind)
    raise DeviceError("MindSpore can use no device here.", "Install it again: pip install --force-reinstall mindspore")


def device_states() -> dict[str, str]:
    """For each kind of device ``ready``, or why it can't be used."""
    return {kind: _why_not(Device(kind)) or "ready" for kind in PREFERENCE}


def mindspore_version() -> str:
    """Version of the installed MindSpore."""
    quiet_mindspore()
    import mindspore

    return str(mindspore.__version__)


def quiet_mindspore() -> None:
    """Keep MindSpore's own log out of the person's terminal; must come before its first import."""
    os.environ.setdefault("GLOG_v", "4")


def _why_not(device: Device) -> str | None:
    """Set the device and compute something small on it; None if that works."""
    quiet_mindspore()
    try:
        import mindspore
    except ImportError as error:
        raise DeviceError(f"MindSpore can't be loaded: {error}.", "Install it: pip install mindspore") from error
    try:
        _set(device)
        mindspore.set_context(mode=mindspore.GRAPH_MODE)
        total = float((mindspore.Tensor([1.0, 2.0]) + 1).sum().asnumpy())
    except (RuntimeError, ValueError, TypeError) as error:
        return str(error).strip().splitlines()[0].split(". ")[0].rstrip(".")
    return None if total == 5.0 else "it computes wrong sums"


def _set(device: Device) -> None:
    """Tell MindSpore; once it has computed anything it takes no device, not even the one that it has."""
    import mindspore

    try:
        if device.kind == "CPU":
            mindspore.set_device("CPU")
        else:
            mindspore.set_device(device.kind, device.number)
    except RuntimeError:
        same = (mindspore.get_context("device_target"), mindspore.get_context("device_id"))
        if same != (device.kind, device.number):
            raise


def free_memory(device: Device) -> int | None:
    """Bytes that are free on a device that has been chosen; None where MindSpore does not tell."""
    if device.kind == "CPU":
        return _free_host_memory()
    import mindspore

    told = mindspore.hal.get_device_properties(device.number, device.kind)
    return getattr(told, "free_memory", 0) or getattr(told, "total_memory", 0) or None


def _free_host_memory() -> int | None:
    """What the system can give without swapping, or what the container's limit leaves of it."""
    lines = MEMORY_STATE.read_text().splitlines() if MEMORY_STATE.is_file() else []
    told = next((line.split()[1] for line in lines if line.startswith("MemAvailable:")), None)
    if told is None:
        return None
    free = 1024 * int(told)
    limit, used = (CONTROL_GROUP / name for name in ("memory.max", "memory.current"))
    if limit.is_file() and used.is_file() and (most := limit.read_text().strip()).isdigit():
        free = min(free, max(0, int(most) - int(used.read_text())))
    return free

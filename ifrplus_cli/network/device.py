"""List, choose and set MindSpore's device; the only caller of its context."""

from __future__ import annotations

import multiprocessing
import os
import re
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ifrplus_cli.errors import DeviceError, first_line
from ifrplus_cli.network.machine import Machine

DEVICE_KINDS = {kind.lower(): kind for kind in ("Ascend", "GPU", "CPU")}
PREFERENCE = ("Ascend", "GPU", "CPU")
MEBIBYTE = 2**20


@dataclass(frozen=True)
class Device:
    """A device on which a network runs; ``kind`` is Ascend, GPU or CPU."""

    kind: str
    number: int = 0

    def __str__(self) -> str:
        return self.kind if self.kind == "CPU" else f"{self.kind}:{self.number}"


@dataclass(frozen=True)
class _Failure:
    """What MindSpore reported of a device; if ``taken``, it keeps the device and takes no other one in this process."""

    message: str
    taken: bool


def parse_device(text: str) -> Device | None:
    """Parse ``auto`` (None), or a kind in any case with an optional number, as in ``ascend:1``.

    Raises:
        DeviceError: for anything else.
    """
    kind, colon, number = text.strip().lower().partition(":")
    if kind == "auto" and not colon:
        return None
    if kind not in DEVICE_KINDS or (colon and not re.fullmatch("[0-9]{1,4}", number)):
        raise DeviceError(f"{text} is not a device.", "Use auto, CPU, GPU or Ascend, with :1 for the second one.")
    return Device(DEVICE_KINDS[kind], int(number or 0))


def choose_device(text: str, note: Callable[[str], None] = lambda _: None, machine: Machine | None = None) -> Device:
    """Set the device that ``text`` names, or for ``auto`` the best one that really computes.

    Args:
        note: called with a message about an accelerator that exists but that ``auto`` has to skip, and why.
        machine: machine on which to look for what an accelerator lacks; by default this one.

    Raises:
        DeviceError: if a named device can't be used, or if ``auto`` meets one that MindSpore takes but that then
            fails; there is no silent fall-back.
    """
    wanted = parse_device(text)
    machine = machine or this_machine()
    for device in [wanted] if wanted else map(Device, PREFERENCE):
        failure = _try(device)
        if failure is None:
            return device
        why = _why(device, failure, machine)
        if wanted or failure.taken:
            others = [kind for kind in PREFERENCE if kind != device.kind]
            raise DeviceError(
                f"The device {device} can't be used: {why}.",
                f"{machine.remedy(device.kind)} {_offer(others, machine, free=not failure.taken)}".strip(),
            )
        if machine.has(device.kind):
            note(f"The device {device} exists but can't be used: {why}. {machine.remedy(device.kind)}")
    raise DeviceError("MindSpore can use no device here.", "Reinstall it: pip install --force-reinstall mindspore")


def device_states(machine: Machine | None = None) -> dict[str, str]:
    """Return for each kind of device ``ready``, or why it can't be used."""
    return _states(PREFERENCE, machine or this_machine(), free=True)


def this_machine() -> Machine:
    """Describe the machine of this process, with the installed MindSpore, which is not imported for this."""
    found = find_spec("mindspore")
    folder = Path(found.origin).parent if found and found.origin else Path("mindspore")
    return Machine(folder / "lib" / "plugin")


def mindspore_version() -> str:
    """Return the version of the installed MindSpore."""
    return str(_mindspore().__version__)


def thread_count() -> int:
    """Return the number of host threads with which MindSpore computes."""
    return int(_mindspore().get_context("runtime_num_threads"))


def peak_device_memory_mb() -> float:
    """Return the peak memory of tensors on the accelerator in MB; 0 on the CPU, where they are in the process."""
    return float(_mindspore().runtime.max_memory_allocated()) / MEBIBYTE


def quiet_mindspore() -> None:
    """Keep MindSpore's own log out of the terminal; must be called before its first import."""
    os.environ.setdefault("GLOG_v", "4")


def _mindspore() -> Any:
    quiet_mindspore()
    try:
        import mindspore
    except ImportError as error:
        raise DeviceError(f"MindSpore can't be loaded: {error}.", "Install it: pip install mindspore") from error
    return mindspore


def _try(device: Device) -> _Failure | None:
    """Set the device and compute something small on it; return None if that works."""
    mindspore = _mindspore()
    taken = False
    try:
        _set(device)
        taken = True
        mindspore.set_context(mode=mindspore.GRAPH_MODE)
        total = float((mindspore.Tensor([1.0, 2.0]) + 1).sum().asnumpy())
    except (RuntimeError, ValueError, TypeError) as error:
        return _Failure(first_line(error).split(". ")[0], taken)
    return None if total == 5.0 else _Failure("it computes wrong sums", taken)


def _try_elsewhere(device: Device) -> _Failure | None:
    """Do the same in a separate process, because MindSpore never changes the device that it has taken."""
    try:
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            return pool.submit(_try, device).result()
    except BrokenProcessPool:
        return _Failure("the process that tried it died", taken=True)


def _states(kinds: Sequence[str], machine: Machine, *, free: bool) -> dict[str, str]:
    """Try each kind; ``free`` says whether this process may still take a device."""
    states = {}
    for device in map(Device, kinds):
        failure = _try(device) if free else _try_elsewhere(device)
        states[device.kind] = "ready" if failure is None else _why(device, failure, machine)
        free = free and failure is not None and not failure.taken
    return states


def _why(device: Device, failure: _Failure, machine: Machine) -> str:
    """Return what the machine lacks, which MindSpore does not report; MindSpore's own message if nothing is missing."""
    *others, last = machine.missing(device.kind) or ("",)
    if not last:
        return failure.message
    return f"this machine lacks {', '.join(others)}{' and ' if others else ''}{last}"


def _offer(kinds: Sequence[str], machine: Machine, *, free: bool) -> str:
    ready = [kind for kind, state in _states(kinds, machine, free=free).items() if state == "ready"]
    return f"Available here with --device: {', '.join(ready) or 'nothing else'}."


def _set(device: Device) -> None:
    """Set MindSpore's device; once it has computed anything it accepts no device, not even the current one."""
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


def free_memory(device: Device, machine: Machine | None = None) -> int | None:
    """Return the free bytes on a device that has been chosen for MindSpore, or on a CPU; None if they are unknown."""
    if device.kind == "CPU":
        return (machine or this_machine()).free_memory()
    properties = _mindspore().hal.get_device_properties(device.number, device.kind)
    return getattr(properties, "free_memory", 0) or getattr(properties, "total_memory", 0) or None

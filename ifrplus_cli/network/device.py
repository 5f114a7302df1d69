"""List, choose and set MindSpore's device; the only caller of its context."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ifrplus_cli.errors import DeviceError
from ifrplus_cli.network.machine import Machine

KINDS = {kind.lower(): kind for kind in ("Ascend", "GPU", "CPU")}
PREFERENCE = ("Ascend", "GPU", "CPU")
MEGABYTE = 2**20


@dataclass(frozen=True)
class Device:
    """A device the network runs on; ``kind`` is Ascend, GPU or CPU."""

    kind: str
    number: int = 0

    def __str__(self) -> str:
        return self.kind if self.kind == "CPU" else f"{self.kind}:{self.number}"


@dataclass(frozen=True)
class _Failure:
    """What MindSpore said of a device; one that it has ``taken`` it keeps, and takes no other in this process."""

    said: str
    taken: bool


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


def choose_device(text: str, note: Callable[[str], None] = lambda _: None, machine: Machine | None = None) -> Device:
    """Set the device that ``text`` names, or for ``auto`` the best one that really computes.

    Args:
        note: is told of an accelerator that is there but that ``auto`` has to pass over, and why.
        machine: where to look for what an accelerator lacks; by default this machine.

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
                f"{machine.cure(device.kind)} {_offer(others, machine, free=not failure.taken)}".strip(),
            )
        if machine.shows(device.kind):
            note(f"The device {device} is there but can't be used: {why}. {machine.cure(device.kind)}")
    raise DeviceError("MindSpore can use no device here.", "Install it again: pip install --force-reinstall mindspore")


def device_states(machine: Machine | None = None) -> dict[str, str]:
    """For each kind of device ``ready``, or why it can't be used."""
    return _states(PREFERENCE, machine or this_machine(), free=True)


def this_machine() -> Machine:
    """The machine that this process runs on, with the installed MindSpore, which is not imported for this."""
    found = find_spec("mindspore")
    folder = Path(found.origin).parent if found and found.origin else Path("mindspore")
    return Machine(folder / "lib" / "plugin")


def mindspore_version() -> str:
    """Version of the installed MindSpore."""
    return str(_mindspore().__version__)


def thread_count() -> int:
    """Threads that MindSpore computes with on the host."""
    return int(_mindspore().get_context("runtime_num_threads"))


def peak_device_memory_mb() -> float:
    """The most memory that tensors took on the accelerator, in MB; 0 on the CPU, where they lie in the process."""
    return float(_mindspore().runtime.max_memory_allocated()) / MEGABYTE


def quiet_mindspore() -> None:
    """Keep MindSpore's own log out of the person's terminal; must come before its first import."""
    os.environ.setdefault("GLOG_v", "4")


def _mindspore() -> Any:
    quiet_mindspore()
    try:
        import mindspore
    except ImportError as error:
        raise DeviceError(f"MindSpore can't be loaded: {error}.", "Install it: pip install mindspore") from error
    return mindspore


def _try(device: Device) -> _Failure | None:
    """Set the device and compute something small on it; None if that works."""
    mindspore = _mindspore()
    taken = False
    try:
        _set(device)
        taken = True
        mindspore.set_context(mode=mindspore.GRAPH_MODE)
        total = float((mindspore.Tensor([1.0, 2.0]) + 1).sum().asnumpy())
    except (RuntimeError, ValueError, TypeError) as error:
        return _Failure(str(error).strip().splitlines()[0].split(". ")[0].rstrip("."), taken)
    return None if total == 5.0 else _Failure("it computes wrong sums", taken)


def _try_elsewhere(device: Device) -> _Failure | None:
    """The same in a process of its own, for MindSpore never changes the device that it has taken."""
    try:
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            return pool.submit(_try, device).result()
    except BrokenProcessPool:
        return _Failure("the process that tried it died", taken=True)


def _states(kinds: Sequence[str], machine: Machine, *, free: bool) -> dict[str, str]:
    """``free``: whether this process may still take a device."""
    states = {}
    for device in map(Device, kinds):
        failure = _try(device) if free else _try_elsewhere(device)
        states[device.kind] = "ready" if failure is None else _why(device, failure, machine)
        free = free and failure is not None and not failure.taken
    return states


def _why(device: Device, failure: _Failure, machine: Machine) -> str:
    """What the machine lacks, which MindSpore does not tell; its own words if nothing was found to be missing."""
    *others, last = machine.lacks(device.kind) or ("",)
    if not last:
        return failure.said
    return f"this machine lacks {', '.join(others)}{' and ' if others else ''}{last}"


def _offer(kinds: Sequence[str], machine: Machine, *, free: bool) -> str:
    ready = [kind for kind, state in _states(kinds, machine, free=free).items() if state == "ready"]
    return f"Available here with --device: {', '.join(ready) or 'nothing else'}."


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


def free_memory(device: Device, machine: Machine | None = None) -> int | None:
    """Bytes that are free on a device that has been chosen; None where nobody tells."""
    if device.kind == "CPU":
        return (machine or this_machine()).free_memory()
    told = _mindspore().hal.get_device_properties(device.number, device.kind)
    return getattr(told, "free_memory", 0) or getattr(told, "total_memory", 0) or None

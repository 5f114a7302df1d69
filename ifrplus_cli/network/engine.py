"""Choose the engine that computes the network, and its device: MindSpore, or ONNX Runtime, which is faster on a CPU."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ifrplus_cli.errors import DeviceError, IfrplusError, ModelError
from ifrplus_cli.models import MODELS, ModelSpec
from ifrplus_cli.network import device as mindspore_device
from ifrplus_cli.network import engine_mindspore, engine_onnx
from ifrplus_cli.network.device import Device, choose_device, parse_device, this_machine
from ifrplus_cli.network.engine_onnx import Batch
from ifrplus_cli.network.machine import Machine

Note = Callable[[str], None]

CONVOLUTION = (64, 256, 256)  # channels, height and width of the convolution by which a machine's speed is measured
CONVOLUTION_RUNS = 9
GIGA = 1e9
NO_PROVIDER = "the installed ONNX Runtime has no provider for GPUs"
GPU_PACKAGE = "Install one that has, such as onnxruntime-gpu in place of onnxruntime."


@dataclass(frozen=True)
class Engine:
    """A library that computes a network.

    Attributes:
        name: ``mindspore`` or ``onnx``.
        provider: ONNX Runtime's execution provider; empty for MindSpore.
    """

    name: str
    provider: str = ""

    @property
    def takes_any_size(self) -> bool:
        """Whether pictures of changing sizes cost nothing extra; otherwise each size has to be compiled."""
        return self.provider == engine_onnx.CPU_PROVIDER

    def __str__(self) -> str:
        return f"ONNX Runtime with {self.provider}" if self.provider else "MindSpore"


MINDSPORE = Engine("mindspore")
Choice = tuple[Engine, Device, str]  # the last is the reason


def choose_engine(
    wanted: str, device: str, model: str, note: Note = lambda _: None, machine: Machine | None = None
) -> Choice:
    """Return the engine that ``wanted`` means, the device that it uses for ``device``, and the reason.

    ``auto`` is ONNX Runtime if it is installed, has a graph of the network and can use the device. MindSpore gets an
    accelerator that only it can use, and always an Ascend NPU. MindSpore is imported only to be tried.

    Args:
        wanted: ``auto``, ``mindspore`` or ``onnx``.
        device: as for ``choose_device``.
        model: ``auto`` or a network's name.
        note: called with a message about an accelerator that exists but has to be skipped, and why.
        machine: machine on which to look for accelerators; by default this one.

    Raises:
        IfrplusError: if the requested engine or device can't be used; there is no silent fall-back.
    """
    machine = machine or this_machine()
    asked = parse_device(device)
    if wanted == "mindspore":
        return MINDSPORE, choose_device(device, note, machine), "it was requested"
    if obstacle := _obstacle(asked, model):
        if wanted == "onnx":
            raise obstacle
        return MINDSPORE, choose_device(device, note, machine), obstacle.message.rstrip(".")
    why = "it was requested" if wanted == "onnx" else "it is installed and has a graph of the network"
    if asked is None and wanted == "auto" and _may_be_mindspores(machine):
        found = choose_device("auto", note, machine)
        if found.kind != "CPU":
            return MINDSPORE, found, f"it can use the device {found}"
    engine, found = _onnx_on(asked) if asked else _onnx_on_best(note, machine)
    return engine, found, why


def graph_model(model: str) -> ModelSpec:
    """Return the network that ``model`` means for ONNX Runtime: for ``auto`` the one whose graph is bundled."""
    return MODELS[model] if model != "auto" else next(spec for spec in MODELS.values() if spec.graph)


def engine_states() -> dict[str, str]:
    """Return the version of each engine, with what it runs on, or how to install it."""
    onnx = f"not installed; {engine_onnx.INSTALL[0].lower()}{engine_onnx.INSTALL[1:]}"
    if engine_onnx.is_installed():
        onnx = f"{engine_onnx.version()} with {', '.join((*engine_onnx.gpu_providers(), engine_onnx.CPU_PROVIDER))}"
    return {"mindspore": mindspore_device.mindspore_version(), "onnxruntime": onnx}


def engine_version(engine: Engine) -> dict[str, str]:
    """Return the library that computes, and its version."""
    if engine == MINDSPORE:
        return {"mindspore": mindspore_device.mindspore_version()}
    return {"onnxruntime": engine_onnx.version()}


def thread_count(engine: Engine) -> int:
    """Return the number of host threads with which the engine computes."""
    return mindspore_device.thread_count() if engine == MINDSPORE else this_machine().cores()


def peak_device_memory_mb(engine: Engine) -> float:
    """Return the peak memory of tensors on the accelerator in MB; 0 if it is unknown, and on the CPU."""
    return mindspore_device.peak_device_memory_mb() if engine == MINDSPORE else 0.0


def convolution(engine: Engine, device: Device, weight: Batch) -> Callable[[Batch], Batch]:
    """Return a convolution (1, C, H, W) to (1, O, H, W) with a (O, C, 3, 3) kernel, as the engine computes it."""
    if engine == MINDSPORE:
        return engine_mindspore.convolution(weight)
    return engine_onnx.convolution(weight, engine.provider, device.number)


def measure_convolution(engine: Engine, device: Device, clock: Callable[[], float] = time.perf_counter) -> float:
    """Measure billions of multiplications and additions per second in a large 3x3 convolution.

    Args:
        clock: returns seconds.
    """
    channels, height, width = CONVOLUTION
    draw = np.random.default_rng(0)
    picture = draw.standard_normal((1, *CONVOLUTION), np.float32)
    convolve = convolution(engine, device, draw.standard_normal((channels, channels, 3, 3), np.float32))
    convolve(picture)
    seconds = []
    for _ in range(CONVOLUTION_RUNS):
        started = clock()
        convolve(picture)
        seconds.append(clock() - started)
    return 2 * channels * channels * 9 * height * width / statistics.median(seconds) / GIGA


def can_run(engine: Engine, spec: ModelSpec) -> bool:
    """Return whether an engine can run a network."""
    if engine == MINDSPORE:
        return True
    return spec.graph is not None and (spec.graph.build is None or engine_onnx.makes_graphs())


def _obstacle(asked: Device | None, model: str) -> IfrplusError | None:
    """Return why ONNX Runtime can't do what is requested; None if no obstacle is known."""
    graph = graph_model(model).graph
    if graph is None:
        return ModelError(f"There is no ONNX graph of the network {model}.", "Leave --engine out.")
    if asked and asked.kind == "Ascend":
        return DeviceError("ONNX Runtime does not run on an Ascend NPU.", "Leave --engine out.")
    if not engine_onnx.is_installed():
        return DeviceError("ONNX Runtime is not installed.", engine_onnx.INSTALL)
    if graph.build and not engine_onnx.makes_graphs():
        return DeviceError(
            f"The package onnx, which builds the graph of {model}, is not installed.", engine_onnx.INSTALL
        )
    if asked and asked.kind == "GPU" and not engine_onnx.gpu_providers():
        return DeviceError(f"The device {asked} can't be used: {NO_PROVIDER}.", GPU_PACKAGE)
    return None


def _may_be_mindspores(machine: Machine) -> bool:
    """Return whether there is an accelerator that MindSpore may be able to use, but ONNX Runtime can't."""
    if machine.has("Ascend"):
        return True
    return machine.has("GPU") and not machine.missing("GPU") and not engine_onnx.gpu_providers()


def _onnx_on(device: Device) -> tuple[Engine, Device]:
    if device.kind == "CPU":
        return Engine("onnx", engine_onnx.CPU_PROVIDER), device
    return Engine("onnx", engine_onnx.choose_gpu_provider(device.number)), device


def _onnx_on_best(note: Note, machine: Machine) -> tuple[Engine, Device]:
    """Use a GPU if that works, else the CPU."""
    if engine_onnx.gpu_providers():
        try:
            return _onnx_on(Device("GPU"))
        except DeviceError as error:
            note(f"{error.message} {error.hint}")
    elif machine.has("GPU"):
        note(f"The device GPU:0 exists but is not used: {NO_PROVIDER}. {GPU_PACKAGE}")
    return _onnx_on(Device("CPU"))

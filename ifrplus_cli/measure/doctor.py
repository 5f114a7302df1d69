"""Examine a machine: what a report of an error needs, and one made frame that proves that the program works there."""

from __future__ import annotations

import os
import platform
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from ifrplus_cli import __version__
from ifrplus_cli.errors import DeviceError, IfrplusError
from ifrplus_cli.files import sha256_of, size_text
from ifrplus_cli.measure.check import CheckRequest, check_file
from ifrplus_cli.measure.generated_clip import write_clip
from ifrplus_cli.network.device import device_states, this_machine
from ifrplus_cli.network.engine import engine_states
from ifrplus_cli.system import cache_folder, home_folder
from ifrplus_cli.video.ffmpeg import tool_version
from ifrplus_cli.video.writing.encoders import video_encoders
from ifrplus_cli.weights.manifest import MANIFEST, download_folder, find_weights

LIBRARIES = ("numpy", "opencv-python", "onnx", "typer", "rich", "pillow", "ffmpeg-python", "safetensors")
# Encoders that the program chooses by itself, and those in hardware.
USUAL_ENCODERS = ("libx264", "libx265", "libvpx-vp9", "libsvtav1", "ffv1", "prores_ks", "dnxhd", "gif", "apng")
HARDWARE_ENDS = ("_nvenc", "_qsv", "_amf", "_videotoolbox", "_v4l2m2m")
VARIABLES = ("IFRPLUS_", "CUDA_HOME", "ASCEND_", "OMP_", "TMPDIR", "XDG_", "LANG", "LC_ALL")
SIZE, FRAMES = (192, 128), 5  # of the film that is made
LEAST_GAIN = 0.5  # dB above a blend of its neighbours that a frame has if its network works

Facts = dict[str, str]


@dataclass(frozen=True)
class Examination:
    """What is known of a machine.

    Attributes:
        sections: facts by name, by the title of their section.
        faults: a sentence for each thing without which no film can be made; none if the program works.
    """

    sections: dict[str, Facts]
    faults: tuple[str, ...]


def examine(say: Callable[[str], None] = lambda _: None) -> Examination:
    """Examine this machine, and make a film on it; nothing is raised for what is missing.

    Args:
        say: receives a sentence about the current step.
    """
    say("Trying the devices.")
    devices, engines = _devices()
    say("Making a frame.")
    frame, faults = _try_to_make_a_frame()
    sections = {
        "program": _program(),
        "libraries": {**engines, **{name: _version(name) for name in LIBRARIES}},
        "ffmpeg": _ffmpeg(),
        "machine": _machine(),
        "devices": devices,
        "weights": {name: _weights(name) for name in MANIFEST},
        "disk": _disk(),
        "environment": _environment(),
        "a made frame": frame,
    }
    return Examination(sections, faults)


def _program() -> Facts:
    return {
        "ifrplus": f"{__version__} ({_place(Path(__file__).parents[1])})",
        "python": platform.python_version(),
        "system": f"{platform.platform()}",
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _devices() -> tuple[Facts, Facts]:
    """Return devices and engines by name, each with its state."""
    try:
        return device_states(), engine_states()
    except DeviceError as error:
        return {"MindSpore's": error.message}, {"mindspore": error.message}


def _ffmpeg() -> Facts:
    encoders = video_encoders()
    hardware = [name for name in encoders if name.endswith(HARDWARE_ENDS)]
    return {
        **{name: tool_version(name) for name in ("ffmpeg", "ffprobe")},
        "encoders": ", ".join(name for name in USUAL_ENCODERS if name in encoders) or "none",
        "without": ", ".join(name for name in USUAL_ENCODERS if name not in encoders) or "nothing that is used",
        "built in for hardware": ", ".join(hardware) or "none",
    }


def _machine() -> Facts:
    machine = this_machine()
    free = machine.free_memory()
    return {
        **machine.facts(),
        "cores to use": str(machine.cores()),
        "flags": " ".join(machine.processor_flags()) or "none known",
        "free memory": "unknown" if free is None else size_text(free),
    }


def _weights(name: str) -> str:
    path = find_weights(name)
    return "not found" if path is None else f"{_place(path)}, sha256 {sha256_of(path)}"


def _disk() -> Facts:
    folders = {
        "this folder": Path.cwd(),
        "temporary": Path(tempfile.gettempdir()),
        "cache": cache_folder(),
        "weights": download_folder(),
    }
    return {name: f"{_free(folder)} free ({_place(folder)})" for name, folder in folders.items()}


def _free(folder: Path) -> str:
    existing = next(each for each in (folder, *folder.absolute().parents) if each.exists())
    return size_text(shutil.disk_usage(existing).free)


def _environment() -> Facts:
    """Return variables that change what the program does; a proxy may hold a password, which is not shown."""
    found = {name: _places(value) for name, value in sorted(os.environ.items()) if name.startswith(VARIABLES)}
    proxies = [name for name in os.environ if name.lower() in ("https_proxy", "all_proxy")]
    return {**found, **dict.fromkeys(proxies, "set")}


def _place(path: Path) -> str:
    """Return a path without the name of the person whose home it is in."""
    home = home_folder()
    return str(Path("~") / path.relative_to(home)) if path.is_relative_to(home) else str(path)


def _places(value: str) -> str:
    """Return a variable, which may hold several paths, without the name of the person whose home they are in."""
    return os.pathsep.join(_place(Path(part)) if os.sep in part else part for part in value.split(os.pathsep))


def _try_to_make_a_frame() -> tuple[Facts, tuple[str, ...]]:
    """Encode a generated film, make every second frame of it again, and compare; also return what is wrong."""
    started = time.perf_counter()
    try:
        with tempfile.TemporaryDirectory(prefix="ifrplus-", ignore_cleanup_errors=True) as folder:
            checked = check_file(write_clip(Path(folder), SIZE, FRAMES), CheckRequest(full=True))
    except IfrplusError as error:
        return {"failed": f"{error.message} {error.hint}"}, (error.message,)
    except OSError as error:
        return {"failed": str(error)}, (f"No film can be written: {error.strerror}.",)
    plan, result = checked.model.plan, checked.result
    psnr, blend = result.mean("psnr"), result.mean("blend_psnr")
    works = psnr > blend + LEAST_GAIN
    facts = {
        "made by": f"{plan.spec.name}, {plan.engine} on {plan.device}, {plan.precision}",
        "quality": f"{psnr:.1f} dB, a blend {blend:.1f} dB",
        "result": "works" if works else "the frame is wrong",
        "time": f"{time.perf_counter() - started:.1f} s, from loading to comparing",
    }
    return facts, () if works else (f"The frame that {plan.spec.name} made is no better than a blend.",)

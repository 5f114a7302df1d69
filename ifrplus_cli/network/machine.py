"""Find what a machine offers for running networks by looking at its files; nothing is started."""

from __future__ import annotations

import ctypes
import json
import os
import platform
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ifrplus_cli.system import processors

DEVICE_FILES = {"Ascend": ("davinci[0-9]*",), "GPU": ("nvidia[0-9]*", "dxg")}
# Device files that are counted, and the variable that names those which a process may see.
VISIBLE = (("davinci[0-9]*", "ASCEND_RT_VISIBLE_DEVICES"), ("nvidia[0-9]*", "CUDA_VISIBLE_DEVICES"))
CANN_VARIABLES = ("ASCEND_HOME_PATH", "ASCEND_TOOLKIT_HOME")
CANN_FOLDERS = ("/usr/local/Ascend/cann", "/usr/local/Ascend/ascend-toolkit/latest")
CANN_VERSION_FILES = ("*-linux/ascend_toolkit_install.info", "compiler/version.info", "version.info")
ASCEND_DRIVER = "/usr/local/Ascend/driver"
CUDA_FOLDER = "/usr/local/cuda"
PROCESSOR_FLAGS = {
    *("avx", "avx2", "fma", "f16c", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "amx_int8", "amx_bf16"),
    *("asimd", "asimddp", "i8mm", "bf16", "sve"),
}
CUDA_LIBRARIES = ("libcudart.so.11.0", "libcublas.so.11", "libcudnn.so.8")
INT8_FLAGS = {"avx512_vnni", "avx_vnni", "amx_int8"}  # with which sums of products of 8 bits don't saturate
CUDA_OF_WHEELS = ("11.1", "11.6")  # versions of the plugins in MindSpore's x86 wheels


def _loads(library: str) -> bool:
    """Return whether the dynamic linker of this process finds a library."""
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


@dataclass(frozen=True)
class Machine:
    """A machine to examine.

    Attributes:
        plugins: MindSpore's folder of device plugins.
        root: the folder that is examined as ``/``.
        environment: the environment variables.
        loads: returns whether the dynamic linker finds a library.
    """

    plugins: Path
    root: Path = Path("/")
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)
    loads: Callable[[str], bool] = _loads

    def has(self, kind: str) -> bool:
        """Return whether an accelerator has device files, working or not."""
        return any(any((self.root / "dev").glob(pattern)) for pattern in DEVICE_FILES.get(kind, ()))

    def accelerators(self) -> list[dict[str, str]]:
        """Return for each accelerator of this process the variables with which another one sees it alone.

        Of NPUs and GPUs those come that ``--device auto`` would take. Their runtimes count what a container was given
        from zero, whatever the names of its device files.
        """
        for pattern, variable in VISIBLE:
            count = len([*(self.root / "dev").glob(pattern)])
            allowed = self.environment.get(variable)
            names = [str(number) for number in range(count)] if allowed is None else allowed.split(",")
            if count and any(names):
                return [{variable: name.strip()} for name in names if name.strip()]
        return []

    def missing(self, kind: str) -> tuple[str, ...]:
        """Return what MindSpore needs for a kind of device and is not found, with where it was looked for."""
        look = {"Ascend": self._missing_for_ascend, "GPU": self._missing_for_gpu}.get(kind)
        return tuple(look()) if look else ()

    def remedy(self, kind: str) -> str:
        """Return a sentence on how to make a kind of device work; empty for the CPU."""
        if kind == "Ascend":
            script = self._cann_script() or f"{CANN_FOLDERS[0]}/set_env.sh"
            return f"An Ascend NPU needs its driver and CANN, with CANN's environment loaded: source {script}."
        if kind == "GPU":
            versions = " and ".join(self._cuda_plugins() or CUDA_OF_WHEELS)
            return (
                f"MindSpore's wheels contain plugins for CUDA {versions} only: install one of these with cuDNN 8, "
                "and set CUDA_HOME to its folder."
            )
        return ""

    def facts(self) -> dict[str, str]:
        """Return processor, cores, memory, and the installed drivers, CANN and CUDA."""
        known = {
            "processor": self._first(r"^model name\s*:\s*(.+)", "/proc/cpuinfo") or platform.machine(),
            "cores": str(len(processors())),
            "memory": self._memory(),
            "cann": self.cann_version(),
            "nvidia_driver": self._first(r"Kernel Module.*?\s(\d+\.[\d.]+)", "/proc/driver/nvidia/version"),
            "cuda": self.cuda_version(),
        }
        return {name: value for name, value in known.items() if value}

    def processor_flags(self) -> tuple[str, ...]:
        """Return the instructions for vectors and matrices that this processor has, of those that change the speed."""
        known = self._first(r"^(?:flags|Features)\s*:\s*(.+)", "/proc/cpuinfo") or ""
        return tuple(flag for flag in known.split() if flag in PROCESSOR_FLAGS)

    def cores(self) -> int:
        """Return how many cores this process may keep busy: hyper-threads count once, a container's quota applies."""
        usable = processors()
        siblings = "/sys/devices/system/cpu/cpu{}/topology/thread_siblings_list"
        cores = len({self._first(r"^(\S+)", siblings.format(cpu)) or str(cpu) for cpu in usable})
        quota, period = (self._first(pattern, "/sys/fs/cgroup/cpu.max") for pattern in (r"^(\d+) ", r" (\d+)$"))
        return max(1, min(cores, int(quota) // int(period))) if quota and period else cores

    def multiplies_int8(self) -> bool:
        """Return whether the CPU adds up products of 8 bits in one instruction, without saturating."""
        return not INT8_FLAGS.isdisjoint(self.processor_flags())

    def free_memory(self) -> int | None:
        """Return the bytes available without swapping, within a container's limit; None if they are unknown."""
        kilobytes = self._first(r"^MemAvailable:\s*(\d+) kB", "/proc/meminfo")
        if kilobytes is None:
            return None
        free = 1024 * int(kilobytes)
        limit, used = (self._first(r"^(\d+)$", f"/sys/fs/cgroup/memory.{name}") for name in ("max", "current"))
        if limit is None or used is None:
            return free
        read = self._first(
            r"^inactive_file (\d+)$", "/sys/fs/cgroup/memory.stat"
        )  # files that are read again if need be
        return min(free, max(0, int(limit) - int(used) + int(read or 0)))

    def cann_folder(self) -> str | None:
        """Return CANN's folder: the one that its environment names, or a usual place."""
        named = [self.environment[name] for name in CANN_VARIABLES if self.environment.get(name)]
        return next((folder for folder in (*named, *CANN_FOLDERS) if self._at(folder).is_dir()), None)

    def cann_version(self) -> str | None:
        """Return the version of CANN, from the files that it installs."""
        folder = self.cann_folder()
        patterns = CANN_VERSION_FILES if folder else ()
        files = [file for pattern in patterns for file in sorted(self._at(folder or "").glob(pattern))]
        return next(filter(None, (_search(r"(?i)^version=(\S+)", file) for file in files)), None)

    def cuda_version(self) -> str | None:
        """Return ``major.minor`` of the CUDA that CUDA_HOME names, or else of the usual folder."""
        home = self._at(self.environment.get("CUDA_HOME") or CUDA_FOLDER)
        try:
            version = json.loads((home / "version.json").read_text())["cuda"]["version"]
        except (OSError, ValueError, KeyError, TypeError):
            version = home.resolve().name
        found = re.search(r"\d+\.\d+", str(version))
        return found[0] if found else None

    def _missing_for_ascend(self) -> Iterator[str]:
        if not self.has("Ascend"):
            yield "an Ascend NPU (/dev/davinci0)"
        if not self._at(ASCEND_DRIVER).is_dir() and not self.loads("libascend_hal.so"):
            yield f"its driver ({ASCEND_DRIVER})"
        if not self.loads("libascendcl.so"):
            folder = self.cann_folder()
            looked = f"{CANN_VARIABLES[0]}, {', '.join(CANN_FOLDERS)}"
            yield f"the environment of CANN in {folder} (libascendcl.so)" if folder else f"CANN ({looked})"
        if not any(self.plugins.glob("libmindspore_ascend.so*")):
            yield "MindSpore's Ascend plugin (libmindspore_ascend.so)"

    def _missing_for_gpu(self) -> Iterator[str]:
        if not self.has("GPU"):
            yield "an NVIDIA GPU (/dev/nvidia0)"
        if not self.loads("libcuda.so.1"):
            yield "its driver (libcuda.so.1)"
        home, version, plugins = self.environment.get("CUDA_HOME"), self.cuda_version(), self._cuda_plugins()
        if not plugins:
            yield "MindSpore's GPU plugin (libmindspore_gpu.so)"
        if not home:  # MindSpore chooses its plugin by the compiler in this folder
            yield "the variable CUDA_HOME"
        elif not self._at(f"{home}/bin/nvcc").is_file():
            yield f"{home}/bin/nvcc, where CUDA_HOME points"
        elif plugins and version and version not in plugins:
            yield f"a plugin for CUDA {version}, to which CUDA_HOME points"
        folder = self._at(f"{CUDA_FOLDER}/lib64")  # MindSpore's plugins look there as well
        yield from (name for name in CUDA_LIBRARIES if not self.loads(name) and not (folder / name).exists())

    def _cuda_plugins(self) -> tuple[str, ...]:
        return tuple(sorted(file.name.partition(".so.")[2] for file in self.plugins.glob("libmindspore_gpu.so.*")))

    def _cann_script(self) -> str | None:
        folder = self.cann_folder()
        scripts = (f"{folder}/set_env.sh", f"{Path(folder).parent}/set_env.sh") if folder else ()
        return next((script for script in scripts if self._at(script).is_file()), None)

    def _memory(self) -> str | None:
        kilobytes = self._first(r"^MemTotal:\s*(\d+) kB", "/proc/meminfo")
        return f"{int(kilobytes) / 2**20:.1f} GiB" if kilobytes else None

    def _first(self, pattern: str, path: str) -> str | None:
        return _search(pattern, self._at(path))

    def _at(self, path: str) -> Path:
        return self.root / path.lstrip("/")


def _search(pattern: str, file: Path) -> str | None:
    """Return the first group of the first match in a file; None without a match, or if the file can't be read."""
    try:
        found = re.search(pattern, file.read_text(errors="replace"), re.MULTILINE)
    except OSError:
        return None
    return found[1].strip() if found else None

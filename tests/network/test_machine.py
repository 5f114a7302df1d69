"""What a machine has and lacks is found from its files: folders imitate machines of every kind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from ifrplus_cli.network.machine import Machine

ASCEND_FILES = ("dev/davinci0", "usr/local/Ascend/driver/version.info", "plugin/libmindspore_ascend.so.2")
GPU_FILES = ("dev/nvidia0", "plugin/libmindspore_gpu.so.11.1", "plugin/libmindspore_gpu.so.11.6")
CUDA_LIBRARIES = ("libcuda.so.1", "libcudart.so.11.0", "libcublas.so.11", "libcudnn.so.8")
Make = Callable[..., Machine]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Makes a machine of files (with what they say), libraries that load, and environment variables."""

    def make_it(
        *files: str, told: dict[str, str] | None = None, libraries: tuple[str, ...] = (), **environment: str
    ) -> Machine:
        for name, text in {**dict.fromkeys(files, ""), **(told or {})}.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)
        return Machine(tmp_path / "plugin", tmp_path, environment, libraries.__contains__)

    return make_it


def test_a_bare_machine_lacks_everything_but_a_cpu(make: Make) -> None:
    bare = make()
    assert not bare.has("Ascend")
    assert not bare.has("GPU")
    assert bare.missing("CPU") == ()
    assert bare.remedy("CPU") == ""
    told = " ".join(bare.missing("Ascend"))
    assert all(word in told for word in ("/dev/davinci0", "/usr/local/Ascend/driver", "CANN", "libmindspore_ascend"))
    told = " ".join(bare.missing("GPU"))
    assert all(word in told for word in ("/dev/nvidia0", "CUDA_HOME", "libmindspore_gpu", *CUDA_LIBRARIES))


def test_an_npu_with_its_driver_lacks_only_cann(make: Make) -> None:
    driver_only = make(*ASCEND_FILES)
    assert driver_only.has("Ascend")
    (lack,) = driver_only.missing("Ascend")
    assert lack.startswith("CANN (ASCEND_HOME_PATH, ")
    assert driver_only.cann_version() is None


@pytest.mark.parametrize(
    ("folder", "script", "variables"),
    [
        ("usr/local/Ascend/cann", "/usr/local/Ascend/cann/set_env.sh", {}),
        ("usr/local/Ascend/ascend-toolkit/latest", "/usr/local/Ascend/ascend-toolkit/set_env.sh", {}),
        ("home/me/cann", "/home/me/cann/set_env.sh", {"ASCEND_HOME_PATH": "/home/me/cann"}),
    ],
)
def test_cann_that_is_not_loaded_is_found_with_the_command_to_load_it(
    folder: str, script: str, variables: dict[str, str], make: Make
) -> None:
    info = {f"{folder}/aarch64-linux/ascend_toolkit_install.info": "package_name=x\nversion=8.3.RC1\n"}
    machine = make(*ASCEND_FILES, script[1:], told=info, **variables)
    (lack,) = machine.missing("Ascend")
    assert lack == f"the environment of CANN in /{folder} (libascendcl.so)"
    assert f"source {script}." in machine.remedy("Ascend")
    assert machine.cann_version() == "8.3.RC1"


def test_a_whole_ascend_machine_lacks_nothing(make: Make) -> None:
    assert make(*ASCEND_FILES, libraries=("libascendcl.so",)).missing("Ascend") == ()


def test_a_mindspore_without_the_plugin_is_reported(make: Make) -> None:
    (lack,) = make(*ASCEND_FILES[:2], libraries=("libascendcl.so",)).missing("Ascend")
    assert "MindSpore's Ascend plugin" in lack


def test_a_gpu_without_cuda_is_reported_with_the_cuda_it_needs(make: Make) -> None:
    machine = make(*GPU_FILES, libraries=("libcuda.so.1",))
    assert machine.has("GPU")
    assert machine.missing("GPU") == ("the variable CUDA_HOME", *CUDA_LIBRARIES[1:])
    assert "CUDA 11.1 and 11.6 only" in machine.remedy("GPU")


def test_cuda_must_have_its_compiler_and_a_version_with_a_plugin(make: Make) -> None:
    home = {"CUDA_HOME": "/opt/cuda"}
    assert make(*GPU_FILES, libraries=CUDA_LIBRARIES, **home).missing("GPU") == (
        "/opt/cuda/bin/nvcc, where CUDA_HOME points",
    )
    told = {"opt/cuda/version.json": '{"cuda": {"name": "CUDA SDK", "version": "12.4.1"}}'}
    newer = make("opt/cuda/bin/nvcc", told=told, libraries=CUDA_LIBRARIES, **home)
    assert newer.missing("GPU") == ("a plugin for CUDA 12.4, to which CUDA_HOME points",)
    told = {"opt/cuda/version.json": '{"cuda": {"name": "CUDA SDK", "version": "11.6.20220318"}}'}
    assert make(told=told, libraries=CUDA_LIBRARIES, **home).missing("GPU") == ()


def test_libraries_in_the_usual_cuda_folder_count(make: Make) -> None:
    files = [f"usr/local/cuda/lib64/{name}" for name in CUDA_LIBRARIES[1:]]
    machine = make(
        *GPU_FILES, *files, "usr/local/cuda/bin/nvcc", libraries=CUDA_LIBRARIES[:1], CUDA_HOME="/usr/local/cuda"
    )
    assert machine.missing("GPU") == ()


@pytest.mark.parametrize(
    "line",
    [
        "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug 19 01:15:15 UTC 2023",
        "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  535.104.05  Release Build  (root@host)",
    ],
)
def test_facts_are_read_from_the_files(line: str, make: Make) -> None:
    machine = make(
        told={
            "proc/cpuinfo": "processor\t: 0\nmodel name\t: Some CPU @ 2.5GHz\nprocessor\t: 1\nmodel name\t: Other\n",
            "proc/meminfo": "MemTotal:       33554432 kB\nMemFree:        1 kB\n",
            "proc/driver/nvidia/version": f"{line}\nGCC version: 12.2.0\n",
            "usr/local/cuda-11.6/bin/nvcc": "",
        },
        CUDA_HOME="/usr/local/cuda-11.6",
    )
    facts = machine.facts()
    assert int(facts.pop("cores")) >= 1
    assert facts == {
        "processor": "Some CPU @ 2.5GHz",
        "memory": "32.0 GiB",
        "nvidia_driver": "535.104.05",
        "cuda": "11.6",
    }


def test_a_machine_without_files_has_few_facts(make: Make) -> None:
    assert set(make().facts()) == {"processor", "cores"}


@pytest.mark.parametrize(
    ("limit", "expected"), [(None, 8_000_000 * 1024), ("max", 8_000_000 * 1024), ("3000000000", 2_000_000_000)]
)
def test_free_memory_is_the_system_s_or_the_container_s(limit: str | None, expected: int, make: Make) -> None:
    files = {"proc/meminfo": "MemTotal: 16000000 kB\nMemFree:     100 kB\nMemAvailable:  8000000 kB\n"}
    if limit is not None:
        files |= {"sys/fs/cgroup/memory.max": f"{limit}\n", "sys/fs/cgroup/memory.current": "1000000000\n"}
    assert make(told=files).free_memory() == expected


def test_files_that_were_read_take_no_memory_in_a_container(make: Make) -> None:
    usage = {"max": "3000000000\n", "current": "2900000000\n", "stat": "anon 1000\ninactive_file 2000000000\nslab 7\n"}
    files = {f"sys/fs/cgroup/memory.{name}": text for name, text in usage.items()}
    assert make(told={"proc/meminfo": "MemAvailable:  8000000 kB\n", **files}).free_memory() == 2_100_000_000


def test_free_memory_is_unknown_if_the_system_does_not_report_it(make: Make) -> None:
    assert make().free_memory() is None


def test_only_flags_that_change_the_speed_are_named(make: Make) -> None:
    intel = make(told={"proc/cpuinfo": "model name\t: X\nflags\t\t: fpu sse2 avx2 avx512_vnni amx_int8 ssbd\n"})
    assert intel.processor_flags() == ("avx2", "avx512_vnni", "amx_int8")
    arm = make(told={"proc/cpuinfo": "Features\t: fp asimd asimddp i8mm\n"})
    assert arm.processor_flags() == ("asimd", "asimddp", "i8mm")
    assert make(told={"proc/cpuinfo": ""}).processor_flags() == ()


@pytest.mark.parametrize(
    ("files", "allowed", "variable", "numbers"),
    [
        (["dxg"], {}, "", []),
        (["nvidia1", "nvidia0", "nvidiactl", "nvidia-uvm"], {}, "CUDA_VISIBLE_DEVICES", ["0", "1"]),
        (["nvidia3", "nvidiactl"], {}, "CUDA_VISIBLE_DEVICES", ["0"]),
        (["nvidia0", "nvidia1"], {"CUDA_VISIBLE_DEVICES": "1"}, "CUDA_VISIBLE_DEVICES", ["1"]),
        (["nvidia0", "nvidia1"], {"CUDA_VISIBLE_DEVICES": ""}, "", []),
        (["davinci0", "davinci1", "davinci_manager", "nvidia0"], {}, "ASCEND_RT_VISIBLE_DEVICES", ["0", "1"]),
    ],
)
def test_each_accelerator_can_be_shown_to_a_process_alone(
    files: list[str], allowed: dict[str, str], variable: str, numbers: list[str], make: Make
) -> None:
    machine = replace(make(*(f"dev/{name}" for name in files)), environment=allowed)
    assert machine.accelerators() == [{variable: number} for number in numbers]


@pytest.mark.parametrize(
    ("flags", "able"),
    [("fpu sse2 avx512_vnni", True), ("fpu avx_vnni", True), ("amx_tile amx_int8", True), ("fpu avx2 avx512f", False)],
)
def test_products_of_8_bits_are_a_flag_of_the_cpu(flags: str, able: bool, make: Make) -> None:
    assert make(told={"proc/cpuinfo": f"processor\t: 0\nflags\t\t: {flags}\nbugs\t: none\n"}).multiplies_int8() is able


def test_a_cpu_without_flags_is_not_taken_to_have_any(make: Make) -> None:
    assert not make().multiplies_int8()

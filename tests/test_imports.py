"""Imports go strictly downwards, outside programs are called in few places, and the help text waits for none of it."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import ifrplus_cli

PACKAGE = Path(ifrplus_cli.__file__).parent
# From the top down: a module imports from its own row and from those below.
ROWS = (
    {"cli", "__main__"},
    {"telling"},
    {"console", "options"},
    {"check_report", "eval_report", "upsample_report", "api"},
    {"report", "verdict", "trial"},
    {
        "upsample",
        "preview",
        "bench",
        "check",
        "evaluate",
        "download",
        "info",
        "job",
        "devices",
        "verify",
        "install",
        "resume",
    }
    | {"train"},
    {"choice"},
    {"interpolate"},
    {"network_plan"},
    {"engine"},
    {"engine_mindspore", "engine_onnx", "trainer", "learning_material"},
    {"graphs"},
    {"device", "models"},
    {"colour", "containers", "decode", "drain", "encode", "metrics", "pairing", "prefetch", "prior", "probe"}
    | {
        "activity",
        "allocator",
        "animation",
        "archive",
        "augment",
        "batch",
        "bisection",
        "carried",
        "checkpoint",
        "compiled",
        "curves",
        "cutlist",
        "doubt",
        "drawn",
        "encode_command",
        "encode_plan",
        "encoders",
        "duplicates",
        "examples",
        "feed",
        "ffprobe",
        "footage",
        "hdr",
        "interlace",
        "journal",
        "layouts",
        "machine",
        "ncnn",
        "output",
        "programs",
        "published",
        "purpose",
        "recipe",
        "rawvideo",
        "retime",
        "run_record",
        "sampling",
        "scene",
        "segments",
        "sequence",
        "showing",
        "source",
        "stage_clock",
        "stream_facts",
        "space",
        "stopping",
        "synthetic",
        "teaching",
        "tiling",
        "timeline",
        "training_checkpoint",
        "trim",
        "triplets",
        "vmaf",
        "weights",
        "whole_file",
    },
    {"media", "errors", "__init__"},
)
# Which files may import or start what.
HOMES = {
    "typer": {"cli", "console", "options"},
    "rich": {"cli", "console"},
    "ffmpeg": {"ffprobe", "decode", "carried", "encode_command", "encode", "interlace", "vmaf"},
    "subprocess": {"ffprobe", "decode", "encoders", "carried", "encode_command", "encode", "feed", "interlace"}
    | {"programs", "vmaf"},
    "mindspore": {"models", "device", "engine_mindspore", "trainer"},
    "onnx": {"engine_onnx", "graphs", "models"},
    "onnxruntime": {"engine_onnx"},
    "safetensors": {"weights"},
    "jinja2": {"report"},
    "PIL": {"animation", "sequence"},
}
HEAVY = {"mindspore", "safetensors", "onnx", "onnxruntime", "PIL"}  # they take seconds
FILES = sorted(PACKAGE.rglob("*.py"))
FACTS = {"__init__.py", "ifrnet_family.py"}  # what there is to know of networks without building them
NETWORKS = {file for file in FILES if file.parent.name == "models" and file.name not in FACTS}


def name_of(file: Path) -> str:
    return file.relative_to(PACKAGE).as_posix()


def module_of(file: Path) -> str:
    """The file's name in the table: a folder counts as one."""
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


def is_for_types_only(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def imports_of(node: ast.AST, *, inside_functions: bool) -> Iterator[str]:
    """Dotted names that are imported when the program runs."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, "imports are absolute"
            assert child.module is not None
            yield child.module
            if child.module == "ifrplus_cli":
                yield from (f"ifrplus_cli.{alias.name}" for alias in child.names)
        elif is_for_types_only(child):  # type: ignore[arg-type]
            continue
        elif inside_functions or not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from imports_of(child, inside_functions=inside_functions)


def imported(file: Path, *, inside_functions: bool = True) -> set[str]:
    return set(imports_of(ast.parse(file.read_text("utf-8")), inside_functions=inside_functions))


def row_of(module: str) -> int:
    rows = [number for number, row in enumerate(ROWS) if module in row]
    assert len(rows) == 1, f"{module} has no row of its own: add it to the table"
    return rows[0]


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_a_file_imports_from_its_row_or_below(file: Path) -> None:
    own = row_of(module_of(file))
    names = {name for name in imported(file) if name.startswith("ifrplus_cli.")}
    uphill = {name for name in names if name != "ifrplus_cli.__version__" and row_of(name.split(".")[1]) < own}
    assert not uphill


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_outside_programs_and_libraries_are_used_only_in_their_places(file: Path) -> None:
    packages = {name.split(".")[0] for name in imported(file)}
    astray = {package for package in packages & HOMES.keys() if module_of(file) not in HOMES[package]}
    assert not astray


@pytest.mark.parametrize("file", sorted(set(FILES) - NETWORKS), ids=name_of)
def test_heavy_libraries_are_imported_inside_functions(file: Path) -> None:
    at_once = {name.split(".")[0] for name in imported(file, inside_functions=False)}
    assert not at_once & HEAVY


def test_the_public_api_is_imported_without_the_network() -> None:
    script = "import sys, ifrplus_cli, ifrplus_cli.cli; print(sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert not any(
        f"'{name}'" in loaded for name in ("mindspore", "onnxruntime", "numpy", "cv2", "ffmpeg", "safetensors")
    )


def test_networks_are_imported_only_when_they_are_built() -> None:
    at_once = {name for file in set(FILES) - NETWORKS for name in imported(file, inside_functions=False)}
    assert not {f"ifrplus_cli.models.{file.stem}" for file in NETWORKS} & at_once


EMPTY_PROGRAM = "import typer; app = typer.Typer(); app.command()(lambda: None); app()"


def test_help_is_there_in_half_a_second() -> None:
    """In processor time, which others hardly change; on a slow machine in twice what typer alone takes."""

    def seconds(*program: str) -> float:
        child = subprocess.Popen([sys.executable, *program, "--help"], stdout=subprocess.DEVNULL)
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        assert child.returncode == 0
        return used.ru_utime + used.ru_stime

    both = [(seconds("-m", "ifrplus_cli"), seconds("-c", EMPTY_PROGRAM)) for _ in range(5)]
    helped, alone = map(min, zip(*both, strict=True))
    assert helped < max(0.5, 2 * alone)

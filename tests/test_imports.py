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
# From the top down: a package imports from the rows below its own, and from no other package of its own row.
ROWS = (
    {"__main__"},
    {"commands"},
    {"api"},
    {"reports"},
    {"measure", "training"},
    {"cluster"},
    {"pipeline", "datasets"},
    {"network", "video"},
    {"frames", "weights"},
    {"models"},
    {"files"},
    {"stopping"},
    {"values", "source", "errors", "suggestions", "system", "__init__"},
    {"description", "pixel_formats"},
)
# The packages within a package, by the same rule; "" are its own files.
INNER_ROWS = {"video": ({"writing"}, {"reading", "other_streams"}, {""}, {"formats"})}
# Which packages, or files of them, may import or start what.
HOMES = {
    "typer": {"commands"},
    "rich": {"commands"},
    "ffmpeg": {"video", "measure/vmaf"},
    "subprocess": {"video", "measure/vmaf", "weights/wheel"},
    "mindspore": {"models", "network", "training"},
    "onnx": {"models", "network"},
    "onnxruntime": {"models", "network"},
    "safetensors": {"weights"},
    "jinja2": {"reports"},
    "PIL": {"video"},
    "pysubs2": {"video"},
    "dask": {"cluster"},
    "distributed": {"cluster"},
}
HEAVY = {"mindspore", "safetensors", "onnx", "onnxruntime", "PIL"}  # they take seconds
FILES = sorted(PACKAGE.rglob("*.py"))
FACTS = {
    "__init__.py",
    "ifrnet_family.py",
    "lite_facts.py",
    "rife_layers.py",
}  # what there is to know of networks without building them
LEARNING = {"cells.py", "losses.py"}  # cells of the framework, as networks are
NETWORKS = {file for file in FILES if file.parent.name == "models" and file.name not in FACTS}
NETWORKS |= {file for file in FILES if file.parent.name == "training" and file.name in LEARNING}


def name_of(file: Path) -> str:
    return file.relative_to(PACKAGE).as_posix()


def module_of(file: Path) -> str:
    """Return the file's package, or its own name at the top level."""
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


def imports_of_package(file: Path) -> set[str]:
    """Return what a file imports of this program, by package, without its own package."""
    names = {name for name in imported(file) if name.startswith("ifrplus_cli.") and name != "ifrplus_cli.__version__"}
    return {name.split(".")[1] for name in names} - {module_of(file)}


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_a_file_imports_from_the_rows_below(file: Path) -> None:
    own = row_of(module_of(file))
    uphill = {module for module in imports_of_package(file) if row_of(module) <= own}
    assert not uphill


@pytest.mark.parametrize("file", [file for file in FILES if module_of(file) in INNER_ROWS], ids=name_of)
def test_a_file_imports_from_the_rows_below_within_its_package(file: Path) -> None:
    package = module_of(file)
    rows = {name: number for number, row in enumerate(INNER_ROWS[package]) for name in row}
    own = "" if file.parent.parent == PACKAGE else file.parent.name
    others = {name.split(".")[2] for name in imported(file) if name.startswith(f"ifrplus_cli.{package}.")}
    packages = {other if other in rows else "" for other in others} - {own}
    assert not {name for name in packages if rows[name] <= rows[own]}


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_outside_programs_and_libraries_are_used_only_in_their_places(file: Path) -> None:
    libraries = {name.split(".")[0] for name in imported(file)}
    homes = {module_of(file), file.relative_to(PACKAGE).with_suffix("").as_posix()}
    astray = {library for library in libraries & HOMES.keys() if not homes & HOMES[library]}
    assert not astray


@pytest.mark.parametrize("file", sorted(set(FILES) - NETWORKS), ids=name_of)
def test_heavy_libraries_are_imported_inside_functions(file: Path) -> None:
    at_once = {name.split(".")[0] for name in imported(file, inside_functions=False)}
    assert not at_once & HEAVY


def test_the_public_api_is_imported_without_the_network() -> None:
    script = "import sys, ifrplus_cli, ifrplus_cli.commands.main; print(sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert not any(
        f"'{name}'" in loaded for name in ("mindspore", "onnxruntime", "numpy", "cv2", "ffmpeg", "safetensors")
    )


def test_a_run_on_this_machine_imports_nothing_of_a_cluster() -> None:
    script = "import sys, ifrplus_cli.api; print(sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert not any(f"'{name}'" in loaded for name in ("ifrplus_cli.cluster", "asyncio", "ssl"))


def test_networks_are_imported_only_when_they_are_built() -> None:
    at_once = {name for file in set(FILES) - NETWORKS for name in imported(file, inside_functions=False)}
    assert not {f"ifrplus_cli.{file.parent.name}.{file.stem}" for file in NETWORKS} & at_once


EMPTY_PROGRAM = "import typer; app = typer.Typer(); app.command()(lambda: None); app()"


def test_help_is_shown_within_half_a_second() -> None:
    """In processor time, which others hardly change; on a slow machine in twice what typer alone takes."""

    def seconds(*program: str) -> float:
        child = subprocess.Popen([sys.executable, *program, "--help"], stdout=subprocess.DEVNULL)
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        assert child.returncode == 0
        return used.ru_utime + used.ru_stime

    helped = [seconds("-m", "ifrplus_cli")]
    while min(helped) >= 0.5 and len(helped) < 5:
        helped.append(seconds("-m", "ifrplus_cli"))
    if min(helped) >= 0.5:
        assert min(helped) < 2 * min(seconds("-c", EMPTY_PROGRAM) for _ in range(5))

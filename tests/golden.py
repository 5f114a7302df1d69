"""Helpers for tests of networks against golden outputs."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import mindspore as ms

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT.parent / "shared" / "reference"
# Without a graph, threads that hand operators to each other spin, which takes five times as long as the operators.
ms.runtime.launch_blocking()
MODES = {"graph": ms.GRAPH_MODE, "pynative": ms.PYNATIVE_MODE}


def maker(name: str) -> ModuleType:
    """Load the program in ``tools/`` that made a golden file, for its rule and its cases."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@contextmanager
def running_in(mode: str) -> Iterator[None]:
    """Run the body in that execution mode of MindSpore."""
    before = ms.get_context("mode")
    ms.set_context(mode=MODES[mode])
    try:
        yield
    finally:
        ms.set_context(mode=before)

"""Decide whether a network runs in 8 bits on this CPU: if it has the instructions, and a trial shows that they pay."""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from functools import cache
from pathlib import Path

import numpy as np

from ifrplus_cli.errors import ModelError
from ifrplus_cli.files import sha256_of
from ifrplus_cli.models import MODELS
from ifrplus_cli.network.device import this_machine
from ifrplus_cli.network.engine_onnx import CPU_PROVIDER, OnnxNetwork, version
from ifrplus_cli.network.onnx_cache import reads_weights
from ifrplus_cli.system import cache_folder
from ifrplus_cli.weights.manifest import find_file, find_weights

TRIAL = (1, 96, 160)  # batch, height and width
RUNS = 3  # after the first one
WORTHWHILE = 0.9  # largest share of the time in single precision


@cache
def try_int8(model: str) -> tuple[bool, str]:
    """Return whether a network that has a graph in 8 bits is faster by it here, and the reason.

    Without instructions for it, sums of two products saturate: then it is never used. It is tried once on a machine,
    and remembered in the user's cache folder as long as processor, ONNX Runtime and graph stay the same.
    """
    if not this_machine().multiplies_int8():
        return False, "this CPU has no instructions for 8 bits (VNNI or AMX)"
    files = _files(model)
    if files is None:
        return False, "the graph in 8 bits, its kernels or the weights of both are missing or changed"
    graph, weights = map(sha256_of, files)
    facts = {"processor": this_machine().facts().get("processor"), "onnxruntime": version(), "graph": graph}
    facts["weights"] = weights
    memory = _memory_of(model)
    share = _remembered(memory, facts)
    if share is None:
        try:
            share = _seconds(model, "int8") / _seconds(model, "fp32")
        except ModelError as error:
            return False, error.message.rstrip(".")
        _remember(memory, {**facts, "share": share})
    return share <= WORTHWHILE, f"8 bits take {share:.0%} of the time in a trial on this CPU"


def _files(model: str) -> tuple[Path, Path] | None:
    """Return the graph in 8 bits and the weights that it reads; None if it can't read those that are used."""
    graph, weights = MODELS[model].graph, find_weights(model)
    file = find_file(graph.int8_file_name) if graph and graph.int8_file_name else None
    return (file, weights) if file and weights and reads_weights(file, weights) else None


def _memory_of(model: str) -> Path:
    return cache_folder() / "ifrplus" / f"{model}-int8.json"


def _remembered(memory: Path, facts: dict[str, str | None]) -> float | None:
    try:
        record = json.loads(memory.read_text("utf-8"))
        return float(record["share"]) if {**record, "share": None} == {**facts, "share": None} else None
    except (OSError, ValueError, LookupError, TypeError):
        return None


def _remember(memory: Path, found: dict[str, str | float | None]) -> None:
    """Store what was found atomically; a folder that is not writable is no obstacle."""
    part = memory.with_name(f".{memory.name}.{os.getpid()}.partial")
    with suppress(OSError):
        memory.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps(found), "utf-8")
        part.replace(memory)


def _seconds(model: str, precision: str) -> float:
    """Return the least processor time of a small picture, on one core."""
    network = OnnxNetwork(MODELS[model], TRIAL, CPU_PROVIDER, threads=1, parts=True, precision=precision)
    batch, height, width = TRIAL
    draw = np.random.default_rng(0)
    left, right, alike = (draw.random((batch, count, height // 2, width // 2), np.float32) for count in (7, 7, 1))
    prior = draw.normal(0, 4, (batch, 4, height // 4, width // 4)).astype(np.float32)
    t = np.full((batch, 1, 1, 1), 0.5, np.float32)
    seconds = []
    for _ in range(1 + RUNS):
        started = time.thread_time()
        network(left, right, alike, prior, t)
        seconds.append(time.thread_time() - started)
    return min(seconds[1:])

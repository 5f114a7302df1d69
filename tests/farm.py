"""Two workers of a Dask scheduler on this machine, and films that are made on them and here."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from clips import PACKAGE_FOLDER
from distributed import Nanny, Scheduler, SpecCluster

from ifrplus_cli.api import films_for
from ifrplus_cli.pipeline.films import FinishedFilm, Listener
from ifrplus_cli.pipeline.request import UpsampleRequest
from ifrplus_cli.pipeline.run import RunProgress

HOST = {"host": "127.0.0.1", "dashboard": False, "dashboard_address": "127.0.0.1:0"}


@contextmanager
def farm(scratch: Path, workers: int = 2, **options: object) -> Iterator[SpecCluster]:
    """Start a scheduler and some workers, each a process; its ``scheduler_address`` is what a person would give."""
    worker = {
        **HOST,
        "nthreads": 1,
        "memory_limit": 0,
        "local_directory": str(scratch),
        "silence_logs": logging.CRITICAL,
        **options,
    }
    cluster = SpecCluster(
        workers={number: {"cls": Nanny, "options": worker} for number in range(workers)},
        scheduler={"cls": Scheduler, "options": {**HOST, "port": 0}},
        silence_logs=logging.CRITICAL,
    )
    try:
        yield cluster
    finally:
        cluster.close()


@contextmanager
def started(scratch: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Start a scheduler and a worker by Dask's own commands; yield the address and the scheduler's process."""
    found = scratch / "scheduler.json"
    place = ("--host", "127.0.0.1", "--scheduler-file", str(found), "--no-dashboard")
    options = ("--nthreads", "1", "--no-nanny", "--local-directory", str(scratch))
    dask, quiet = (sys.executable, "-m", "dask"), {"stderr": subprocess.DEVNULL}
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE_FOLDER)}
    scheduler = subprocess.Popen([*dask, "scheduler", *place, "--port", "0"], env=environment, **quiet)
    worker = subprocess.Popen([*dask, "worker", *place, *options], env=environment, **quiet)
    try:
        while not found.exists() or not found.read_text():
            time.sleep(0.1)
        yield json.loads(found.read_text())["address"], scheduler
    finally:
        for process in (scheduler, worker):
            process.kill()
            process.wait()


def kill(number: int) -> None:
    os.kill(number, signal.SIGKILL)


def make_on(cluster: str, source: Path, output: Path, **options: Any) -> FinishedFilm:
    """Make a film on a cluster, as ``make_here`` does."""
    return make_here(source, output, cluster=cluster, **options)


def make_here(
    source: Path,
    output: Path,
    *,
    progress: Callable[[RunProgress], None] = lambda _: None,
    note: Callable[[str], None] = lambda _: None,
    reports: bool = False,
    **options: Any,
) -> FinishedFilm:
    """Make a film in this process, with the small network, and a report on it if one is wanted."""

    @contextmanager
    def display() -> Iterator[Callable[[RunProgress], None]]:
        yield progress

    small: dict[str, Any] = {"engine": "onnx", "device": "CPU", "model": "lite", "overwrite": not options.get("resume")}
    report = output.with_suffix(".html") if reports else None
    request = UpsampleRequest(report=report, **{**small, **options})
    film = films_for(request, Listener(note=note, progress=display)).make(source, output)
    assert isinstance(film, FinishedFilm)
    return film

"""Two workers of a Dask scheduler on this machine, and films that are made on them and here."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from distributed import Client, Nanny, Scheduler, SpecCluster

from ifrplus_cli.api import upsample
from ifrplus_cli.pipeline.run import Summary

HOST = {"host": "127.0.0.1", "dashboard": False}


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


def process_numbers(address: str) -> list[int]:
    """Process numbers of the workers that are alive."""
    with Client(address, set_as_default=False) as client:
        return sorted(client.run(os.getpid).values())


def kill(number: int) -> None:
    os.kill(number, signal.SIGKILL)


def make_on(cluster: str, source: Path, output: Path, **options: object) -> Summary:
    """Make a film on a cluster, with the small network."""
    return upsample(source, output, cluster=cluster, **common(options))


def make_here(source: Path, output: Path, **options: object) -> Summary:
    """Make the same film in this process."""
    return upsample(source, output, **common(options))


def common(options: dict[str, object]) -> dict[str, object]:
    return {"engine": "onnx", "device": "CPU", "model": "lite", "overwrite": True, **options}

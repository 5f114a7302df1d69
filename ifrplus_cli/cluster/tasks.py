"""The functions that workers run, as Dask calls them."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from ifrplus_cli.cluster.making import make_section
from ifrplus_cli.cluster.order import Exam, MadeSection, Order
from ifrplus_cli.cluster.terms import terms_of_worker
from ifrplus_cli.errors import ClusterError, IfrplusError, memory_errors


class WorkerError(ClusterError):
    """A section could not be made.

    Attributes:
        worker: address of the worker.
    """

    worker = ""


class UnwantedError(Exception):
    """A section is no longer wanted from this worker."""


def examine(exam: Exam) -> dict[str, str] | str:
    """Return the terms that this worker meets, or why it can't work."""
    from distributed import get_worker

    worker = get_worker()
    if (threads := worker.state.nthreads) != 1:
        return f"it runs {threads} tasks at a time; start it with --nthreads 1"
    scratch = Path(worker.local_directory)
    os.environ["XDG_CACHE_HOME"] = str(scratch / "ifrplus-cache")  # a worker writes nowhere else
    try:
        with memory_errors():
            return terms_of_worker(exam, scratch)
    except IfrplusError as error:
        return f"{error.message} {error.hint}".strip()


def make(order: Order) -> MadeSection:
    """Make a section in this worker's scratch folder.

    Raises:
        WorkerError: if it can't be made.
    """
    from distributed import get_worker
    from distributed.worker import thread_state

    worker, key = get_worker(), thread_state.key

    def ask() -> None:
        task = worker.state.tasks.get(key)
        if task is None or task.state == "cancelled":
            raise UnwantedError

    try:
        with memory_errors():
            made = make_section(order, Path(worker.local_directory), ask)
    except IfrplusError as error:
        failure = WorkerError(error.message, error.hint)
    except OSError as error:
        failure = WorkerError(f"The scratch folder {worker.local_directory} can't be used: {error.strerror}.")
    else:
        return replace(made, worker=worker.address)
    failure.worker = worker.address
    raise failure

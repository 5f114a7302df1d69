"""Reach the workers: those of a scheduler at an address, or some that are started on this machine."""

from __future__ import annotations

import asyncio
import logging
import tempfile
from collections.abc import Iterator
from concurrent import futures
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any

from ifrplus_cli.errors import ClusterError
from ifrplus_cli.network.device import this_machine
from ifrplus_cli.pipeline.request import LOCAL_CLUSTER
from ifrplus_cli.system import processors

if TYPE_CHECKING:
    from distributed import Client, Future
    from distributed.security import Security

CONNECT_S = 15.0  # seconds within which a scheduler must answer
HERE: dict[str, object] = {"host": "127.0.0.1", "dashboard": False, "dashboard_address": "127.0.0.1:0"}
LARGE = "4 GB"  # Dask warns of tasks of this size: pieces of a source are large
RECORDS = 100  # that a process of Dask's keeps of each kind
SILENT_S = "60 seconds"  # without a sign of life a worker on this machine is given up after this time
TALKATIVE = ("distributed", "tornado", "asyncio")  # libraries whose loggers, and those below them, print by themselves
FEWER = (
    "Memory may have run out: ask for fewer workers, or leave out --cluster. A Python script must call it under "
    'if __name__ == "__main__", because each worker runs the script again.'
)
INSTALL = "Install it with: pip install 'distributed>=2026.1' cryptography."


def local_workers(cluster: str) -> int | None:
    """Return the number of workers to start on this machine; None if a scheduler at an address has them."""
    found = LOCAL_CLUSTER.fullmatch(cluster)
    if found is None:
        return None
    return int(found[1]) if found[1] else _useful_workers()


def _useful_workers() -> int:
    return len(this_machine().accelerators()) or len(processors())


@contextmanager
def connected(cluster: str) -> Iterator[Client]:
    """Connect to the scheduler, or start one here with its workers; they end with the ``with`` block.

    Args:
        cluster: ``local``, ``local:N`` or the address of a scheduler.

    Raises:
        ClusterError: if Dask is missing, the scheduler does not answer, or the workers don't start.
    """
    try:
        import dask
        import distributed
    except ImportError as error:
        raise ClusterError("The package distributed, of Dask, is not installed.", INSTALL) from error
    with ExitStack() as stack:
        stack.enter_context(_quiet())
        stack.enter_context(dask.config.set({"distributed.admin.large-graph-warning-threshold": LARGE}))
        address: object = cluster
        if (count := local_workers(cluster)) is not None:
            address = stack.enter_context(_started(count))
        elif cluster.startswith("tls:") and not dask.config.get("distributed.comm.tls.ca-file", None):
            raise ClusterError(
                f"{cluster} is encrypted, and Dask's configuration names no certificate.",
                "Name it in ~/.config/dask, as docs/cluster.md shows.",
            )
        try:
            client = distributed.Client(address, timeout=CONNECT_S, set_as_default=False)
        except (OSError, ValueError, RuntimeError) as error:
            raise ClusterError(
                f"The scheduler {cluster} does not answer: {_cause(error)}.", "Start it with: dask scheduler."
            ) from error
        stack.callback(_close, client)
        yield client


def restore(client: Client, cluster: str) -> None:
    """Start those workers of this machine again that are gone for good: Dask gives up one that is slow to come back."""
    from distributed import Status

    count, here = local_workers(cluster), client.cluster
    if count is None or here is None:
        return
    for number, nanny in list(here.workers.items()):
        if nanny.status in (Status.closed, Status.failed):
            here.workers.pop(number, None)
    if len(here.workers) < count:
        here.scale(count)


def _close(client: Client) -> None:
    with suppress(Exception):  # the scheduler may be gone: nothing is left to do for it
        client.close(timeout=2)


def fetch(client: Client, future: Future) -> futures.Future[Any]:
    """Begin to fetch a result that exists, and return what can be waited for and cancelled."""
    coming = client.gather(future, asynchronous=True)
    return asyncio.run_coroutine_threadsafe(coming, client.loop.asyncio_loop)  # type: ignore[union-attr]


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Dask's own messages from the terminal: what matters of them is said in the program's words."""
    known = {*TALKATIVE, *logging.root.manager.loggerDict}
    loggers = [logging.getLogger(name) for name in known if name.partition(".")[0] in TALKATIVE]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:  # whoever calls the program from Python has messages of their own
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _cause(error: BaseException) -> str:
    text = str(error).strip().splitlines()
    return text[-1].rstrip(".") if text else type(error).__name__


@contextmanager
def _started(count: int) -> Iterator[object]:
    """Start a scheduler and workers here, each in a process of its own, with its share of cores and accelerators.

    Raises:
        ClusterError: if they don't start.
    """
    import dask
    from distributed import Nanny, Scheduler, Security, SpecCluster

    security = Security.temporary()  # no other user of this machine may send tasks
    with tempfile.TemporaryDirectory(prefix="ifrplus-workers-") as scratch, dask.config.set(_settings()):
        workers = {
            number: {"cls": Nanny, "options": _options(number, count, scratch, security)} for number in range(count)
        }
        options = {**HERE, "port": 0, "security": security, "protocol": "tls://"}
        try:
            cluster = SpecCluster(
                workers=workers,
                scheduler={"cls": Scheduler, "options": options},
                security=security,
                silence_logs=logging.CRITICAL,
            )
        except (OSError, RuntimeError) as error:
            raise ClusterError(f"The workers on this machine do not start: {_cause(error)}.", FEWER) from error
        try:
            yield cluster
        finally:
            with suppress(Exception):
                cluster.close(timeout=10)


def _settings() -> dict[str, object]:
    return {
        "distributed.scheduler.worker-ttl": SILENT_S,
        # Nobody looks at Dask's own records: they would grow for the first hours of a run.
        "distributed.admin.log-length": RECORDS,
        "distributed.admin.low-level-log-length": RECORDS,
        "distributed.admin.system-monitor.log-length": RECORDS,
    }


def _options(number: int, count: int, scratch: str, security: Security) -> dict[str, object]:
    from ifrplus_cli.cluster.processors import UseProcessors

    accelerators = this_machine().accelerators()
    return {
        "nthreads": 1,
        "memory_limit": 0,  # pictures and networks are no memory that Dask could move to the disk
        **HERE,
        "local_directory": scratch,
        "silence_logs": logging.CRITICAL,
        "plugins": (UseProcessors(_share(number, count)),),
        "security": security,
        "protocol": "tls://",
        "env": accelerators[number % len(accelerators)] if accelerators else {},
    }


def _share(number: int, count: int) -> tuple[int, ...]:
    """Return the processors of a worker: an even share, or one of its own as long as there are enough."""
    usable = sorted(processors())
    share = usable[number * len(usable) // count : (number + 1) * len(usable) // count]
    return tuple(share) or (usable[number % len(usable)],)

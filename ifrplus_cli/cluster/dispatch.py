"""Give sections to workers, wait for them in order, and give those that fail or are late to other workers."""

from __future__ import annotations

import math
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, wait
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from ifrplus_cli.cluster.connection import fetch
from ifrplus_cli.cluster.order import MadeSection, Order
from ifrplus_cli.cluster.sections import Section
from ifrplus_cli.cluster.tasks import WorkerError, make
from ifrplus_cli.cluster.workers import Workers
from ifrplus_cli.errors import ClusterError, IfrplusError

if TYPE_CHECKING:
    from distributed import Client, Future

MOST_FAILURES = 3  # of a section
AHEAD = 3  # sections for each worker that are under way or wait for those before them
LATE_TIMES, LATE_LEAST_S = 4, 30.0  # a section is late after so many usual times, and at least so many seconds
FETCH_LEAST_S = 60.0  # seconds within which a worker must hand back what it has made
POLL_S, LOOK_S = 0.1, 1.0  # seconds between looks at the sections, and at the workers
RECENT = 50  # sections whose times are remembered


@dataclass(frozen=True)
class _Attempt:
    """A section on its way.

    Attributes:
        allowed: addresses of the workers that may make it.
        begun: when it was sent.
    """

    future: Future
    allowed: list[str]
    begun: float


class Dispatch:
    """Sends sections to workers, and looks after them."""

    def __init__(
        self, client: Client, workers: Workers, order: Callable[[Section], Order], check: Callable[[], None]
    ) -> None:
        """
        Args:
            order: returns the order for a section.
            check: called again and again; raises an exception if the run must end.
        """
        self._client, self._workers, self._order, self._check = client, workers, order, check
        self._attempts: dict[int, list[_Attempt]] = defaultdict(list)
        self._failures = Counter[int]()
        self._failed_on: dict[int, set[str]] = defaultdict(set)
        self._looked = -math.inf
        self._late: dict[str, tuple[int, float]] = {}  # workers that are late: how often, and when that was last said
        self._done: set[str] = set()
        self._usual: list[float] = []  # seconds from order to return of what was made, not only counted

    def next(self, sections: Sequence[Section]) -> MadeSection:
        """Return the first of some sections once it is made; those after it are under way meanwhile.

        Raises:
            ClusterError: if a section fails too often.
        """
        while True:
            if time.monotonic() - self._looked >= LOOK_S:
                self._workers.look()
                self._looked = time.monotonic()
            for section in sections[: AHEAD * max(1, len(self._workers.accepted))]:
                self._look_after(section)
            for attempt in list(self._attempts[sections[0].number]):
                if attempt.future.status == "finished" and (made := self._fetched(sections[0], attempt)):
                    return made
            self._check()
            time.sleep(POLL_S)

    def refuse(self, section: Section, worker: str, cause: IfrplusError) -> None:
        """Count what came back as a failure of a section, which is made again.

        Raises:
            ClusterError: if it has failed too often.
        """
        self._count_failure(section, worker, cause.message, cause.hint)

    def withdraw(self) -> None:
        """Take back all sections that are under way."""
        for attempts in self._attempts.values():
            for attempt in attempts:
                attempt.future.cancel()
        self._attempts.clear()
        self._usual = []  # what is sent next may take another time

    def _look_after(self, section: Section) -> None:
        """Send a section that is not under way, or once more if it is late; note its failures."""
        attempts = self._attempts[section.number]
        for attempt in list(attempts):
            status = attempt.future.status
            if status == "finished" and attempt.future.key not in self._done:
                self._note_end(section, attempt)
            elif status == "error":
                attempts.remove(attempt)
                self._note_error(section, attempt)
            elif status in ("cancelled", "lost"):
                attempts.remove(attempt)
            elif status == "pending" and not set(attempt.allowed) & set(self._workers.accepted):
                attempt.future.cancel()  # the workers that were allowed are all gone
                attempts.remove(attempt)
        if not all(self._is_late(attempt) for attempt in attempts):
            return
        busy: set[str] = set()
        if attempts:
            late = {attempt.future.key for attempt in attempts}
            busy = {address for address, keys in self._client.processing().items() if late.intersection(keys)}
            for address in busy:
                self._blame(address)
        self._send(section, busy, again=bool(attempts))

    def _note_end(self, section: Section, attempt: _Attempt) -> None:
        """Note that a section was made, and how long that took."""
        key = attempt.future.key
        self._done.add(key)
        for address in self._client.who_has([attempt.future]).get(key, ()):
            self._late.pop(address, None)
        if section.writes:
            self._usual = [*self._usual[-RECENT:], time.monotonic() - attempt.begun]

    def _blame(self, address: str) -> None:
        """Count a late section against a worker, but never against the only one.

        Where easy sections came first, all workers are late with the next ones: it counts again only if this one ends
        nothing in twice the time, and in four times the time after that.
        """
        times, last = self._late.get(address, (0, -math.inf))
        if len(self._workers.accepted) > 1 and time.monotonic() - last >= 2**times * self._patience:
            self._late[address] = times + 1, time.monotonic()
            self._workers.failed(address, "it is too slow, or hangs")

    def _send(self, section: Section, busy: set[str], *, again: bool) -> None:
        """Send a section to a worker on which it has not failed, and which has not been at it for long."""
        accepted = self._workers.accepted
        allowed = [address for address in accepted if address not in self._failed_on[section.number] | busy]
        if not allowed and not again:
            allowed = list(accepted)
        if allowed:
            future = self._client.submit(
                make, self._order(section), workers=allowed, pure=False, priority=-section.number, retries=0
            )
            self._attempts[section.number].append(_Attempt(future, allowed, time.monotonic()))

    def _is_late(self, attempt: _Attempt) -> bool:
        return attempt.future.status == "pending" and time.monotonic() - attempt.begun > self._patience

    def _fetched(self, section: Section, attempt: _Attempt) -> MadeSection | None:
        """Return what an attempt has made; None if it was lost on the way."""
        from distributed.client import FutureCancelledError

        attempts = self._attempts[section.number]
        fetching, begun = fetch(self._client, attempt.future), time.monotonic()
        try:
            while not wait([fetching], POLL_S).done and self._is_coming(section, attempt, begun):
                self._check()
        finally:
            fetching.cancel()
        try:
            made: MadeSection = fetching.result()
        except (CancelledError, FutureCancelledError, OSError):
            attempts.remove(attempt)
            attempt.future.cancel()
            return None
        for each in self._attempts.pop(section.number):
            if each is not attempt:
                each.future.cancel()
        self._workers.succeeded(made.worker)
        return made

    def _is_coming(self, section: Section, attempt: _Attempt, begun: float) -> bool:
        """Return whether what a worker has made can still come: the worker is there, and does not take too long."""
        if attempt.future.status != "finished":  # its worker has died: perhaps nobody makes it again
            return False
        if time.monotonic() - begun < max(FETCH_LEAST_S, self._patience):
            return True
        for address in self._client.who_has([attempt.future]).get(attempt.future.key, ()):
            self._failed_on[section.number].add(address)
            self._workers.failed(address, "it does not hand back what it has made")
        return False

    @property
    def _patience(self) -> float:
        """Seconds after which a section is late."""
        return max(LATE_LEAST_S, LATE_TIMES * median(self._usual)) if self._usual else math.inf

    def _note_error(self, section: Section, attempt: _Attempt) -> None:
        from distributed import KilledWorker

        error = attempt.future.exception()
        if isinstance(error, KilledWorker):  # Dask itself has tried it as often
            self._failures[section.number] = MOST_FAILURES - 1
            died = "The workers that made it died."
            self._count_failure(section, "", died, "Memory may have run out: see the logs of the workers.")
        elif isinstance(error, WorkerError):
            self._count_failure(section, error.worker, error.message, error.hint)
        else:
            self._count_failure(section, "", f"{type(error).__name__}: {error}", "")

    def _count_failure(self, section: Section, worker: str, message: str, hint: str) -> None:
        self._failures[section.number] += 1
        if worker:
            self._failed_on[section.number].add(worker)
            self._workers.failed(worker, message.rstrip("."))
        if self._failures[section.number] >= MOST_FAILURES:
            where = f" on {self._workers.name(worker)}" if worker else ""
            raise ClusterError(
                f"Section {section.number + 1} failed {MOST_FAILURES} times, the last time{where}: {message}", hint
            )

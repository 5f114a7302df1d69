"""The workers of a scheduler: each is examined before it gets a section, and refused by name if it must not be used."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from ifrplus_cli.cluster.connection import FEWER, local_workers, restore
from ifrplus_cli.cluster.order import Exam
from ifrplus_cli.cluster.tasks import examine
from ifrplus_cli.cluster.terms import ROUNDING, differences
from ifrplus_cli.errors import ClusterError

if TYPE_CHECKING:
    from distributed import Client, Future

JOINING_S = 5.0  # seconds after the last worker came within which others may
QUIET_S = 10.0  # seconds without a worker after which that is said
START_S = 300.0  # seconds within which a worker of this machine must start
MOST_FAILURES = 3  # sections in a row after which a worker gets no more


class Workers:
    """Knows the workers that may be used.

    Attributes:
        accepted: their addresses.
    """

    def __init__(
        self, client: Client, cluster: str, exam: Exam, terms: Mapping[str, str], say: Callable[[str], None]
    ) -> None:
        """
        Args:
            cluster: ``local``, ``local:N`` or the address of the scheduler.
            terms: what each worker must meet.
            say: receives a sentence about each worker that is refused, or differs.
        """
        self.accepted: list[str] = []
        self._client, self._cluster, self._exam, self._terms, self._say = client, cluster, exam, terms, say
        self._names: dict[str, str] = {}
        self._asked: dict[str, Future] = {}
        self._refused: dict[str, str] = {}
        self._failures = Counter[str]()
        self._joined = -math.inf  # when the last worker came
        self._seen, self._missed = time.monotonic(), False  # when there was a worker, and whether it was said
        self._rounding: tuple[str, str] | None = None  # of the first worker, and its name

    def look(self) -> None:
        """Examine workers that are new, and forget those that are gone; on this machine start them again.

        Raises:
            ClusterError: if there are workers, but none of them can be used; if none starts on this machine.
        """
        restore(self._client, self._cluster)
        found = self._client.scheduler_info(n_workers=-1)["workers"]
        self._names = {address: _name(address, facts["name"]) for address, facts in found.items()}
        self._forget(set(found))
        self._mind_absence(there=bool(found))
        for address in found:
            if address not in self._asked:
                self._joined = time.monotonic()
                self._asked[address] = self._client.submit(
                    examine, self._exam, workers=[address], pure=False, priority=1, retries=0
                )
        for address, future in self._asked.items():
            if future.done() and address not in self.accepted and address not in self._refused:
                self._judge(address, future)
        all_have_come = time.monotonic() - self._joined >= JOINING_S
        if found and len(self._refused) == len(found) and all_have_come:
            reasons = "; ".join(f"{self.name(address)}: {why}" for address, why in self._refused.items())
            raise ClusterError(
                f"No worker can be used. {reasons}.", "All need the same program, weights, engine, ffmpeg and source."
            )

    @property
    def usable(self) -> int:
        """Number of the workers that are there, without those that are refused."""
        return len(self._asked) - len(self._refused)

    def name(self, address: str) -> str:
        """Return a worker's name for people."""
        return self._names.get(address, address)

    def succeeded(self, address: str) -> None:
        """Note that a worker has made a section."""
        self._failures.pop(address, None)

    def failed(self, address: str, why: str) -> None:
        """Note that a worker has failed; after some failures in a row it gets no more sections."""
        self._failures[address] += 1
        if self._failures[address] == MOST_FAILURES and address in self.accepted:
            self.accepted.remove(address)
            self._refuse(address, f"it failed {MOST_FAILURES} times in a row: {why}")

    def _mind_absence(self, *, there: bool) -> None:
        """Say once that there is no worker; one of another machine may still come, one of this machine must."""
        now = time.monotonic()
        if there:
            self._seen, self._missed = now, False
        elif local_workers(self._cluster) is not None and now - self._seen >= START_S:
            raise ClusterError("No worker starts on this machine.", FEWER)
        elif not self._missed and now - self._seen >= QUIET_S:
            self._missed = True
            self._say(f"{self._cluster} has no worker: the run waits for one.")

    def _forget(self, found: set[str]) -> None:
        for address in self._asked.keys() - found:
            del self._asked[address]
            self._refused.pop(address, None)
        self.accepted = [address for address in self.accepted if address in found]

    def _judge(self, address: str, future: Future) -> None:
        if future.status != "finished":
            why = str(future.exception()) if future.status == "error" else "it was lost"
            self._refuse(address, f"it could not be examined: {why}")
            return
        answer = future.result()
        if isinstance(answer, str):
            self._refuse(address, answer.rstrip("."))
        elif different := differences(answer, self._terms):
            self._refuse(address, ", ".join(different))
        else:
            self.accepted.append(address)
            self._compare_rounding(address, answer[ROUNDING])

    def _compare_rounding(self, address: str, rounding: str) -> None:
        if self._rounding is None:
            self._rounding = rounding, self.name(address)
        elif rounding != self._rounding[0]:
            self._say(
                f"The worker {self.name(address)} rounds otherwise than {self._rounding[1]}, as another processor may: "
                "frames that it makes may differ in their last bits."
            )

    def _refuse(self, address: str, why: str) -> None:
        self._refused[address] = why
        self._say(f"The worker {self.name(address)} is not used: {why}.")


def _name(address: str, given: object) -> str:
    return address if given == address else f"{given} ({address})"

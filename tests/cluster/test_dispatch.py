"""Sections that fail, are late, or are lost go to other workers; one that fails too often ends the run."""

from __future__ import annotations

from collections.abc import Callable
from concurrent import futures
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from ifrplus_cli.cluster import dispatch as dispatch_file
from ifrplus_cli.cluster.dispatch import AHEAD, Dispatch
from ifrplus_cli.cluster.order import MadeSection
from ifrplus_cli.cluster.sections import Section
from ifrplus_cli.cluster.tasks import WorkerError
from ifrplus_cli.errors import ClusterError


@pytest.fixture(autouse=True)
def fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is fetched is there at once; what never comes is left pending."""

    def fetch(_: object, future: FakeFuture) -> futures.Future[MadeSection]:
        coming: futures.Future[MadeSection] = futures.Future()
        if future.outcome != NEVER:
            coming.set_result(future.result())
        return coming

    monkeypatch.setattr(dispatch_file, "fetch", fetch)
    monkeypatch.setattr(dispatch_file, "POLL_S", 0.001)


NEVER = "never"
SECTIONS = tuple(Section(number, 8 * number, 8 * number + 8) for number in range(20))


@dataclass
class FakeFuture:
    """What a scheduler promised."""

    section: Section
    workers: list[str]
    status: str = "pending"
    outcome: Any = None

    @property
    def key(self) -> str:
        return f"make-{id(self)}"

    def result(self) -> MadeSection:
        if isinstance(self.outcome, BaseException):
            raise self.outcome
        return MadeSection(self.section.number, worker=self.workers[0])

    def exception(self) -> BaseException:
        assert isinstance(self.outcome, BaseException)
        return self.outcome

    def cancel(self) -> None:
        self.status = "cancelled"


@dataclass
class FakeClient:
    """Remembers what was sent; the test says what becomes of it."""

    sent: list[FakeFuture] = field(default_factory=list)

    def submit(self, _: object, order: Section, workers: list[str], **options: object) -> FakeFuture:
        self.sent.append(FakeFuture(order, workers))
        return self.sent[-1]

    def processing(self) -> dict[str, list[str]]:
        on: dict[str, list[str]] = {"one": [], "two": [], "three": []}
        for each in self.sent:
            on[each.workers[0]].append(each.key)
        return on

    def who_has(self, sent: list[FakeFuture]) -> dict[str, tuple[str, ...]]:
        return {each.key: (each.workers[0],) for each in sent}

    def of(self, number: int) -> list[FakeFuture]:
        return [each for each in self.sent if each.section.number == number]


@dataclass
class FakeWorkers:
    """Workers that are all fine."""

    accepted: list[str] = field(default_factory=lambda: ["one", "two"])
    told: list[str] = field(default_factory=list)

    def look(self) -> None: ...

    def name(self, address: str) -> str:
        return f"worker {address}"

    def succeeded(self, address: str) -> None:
        self.told.append(f"{address} made one")

    def failed(self, address: str, why: str) -> None:
        self.told.append(f"{address}: {why}")


class Farm:
    """A dispatch of which each wait runs the next step of a test."""

    def __init__(self, *steps: Any) -> None:
        self.client, self.workers, self.steps = FakeClient(), FakeWorkers(), list(steps)
        self.dispatch = Dispatch(self.client, self.workers, lambda section: section, self.wait)  # type: ignore[arg-type,return-value]

    def wait(self) -> None:
        assert self.steps, "it waits for ever"
        self.steps.pop(0)(self)

    def finish(self, number: int = 0) -> None:
        self.client.of(number)[-1].status = "finished"

    def fail(self, error: Exception) -> None:
        future = self.client.of(0)[-1]
        future.status, future.outcome = "error", error


class Clock:
    """The time that a dispatch sees; it passes only when a test says so."""

    now = 0.0

    def after(self, seconds: float) -> Callable[[Farm], None]:
        def later(_: Farm) -> None:
            self.now += seconds

        return later


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(dispatch_file.time, "monotonic", lambda: made.now)
    return made


def fault(worker: str) -> WorkerError:
    error = WorkerError("The disk is full.", "Free some space.")
    error.worker = worker
    return error


def test_sections_are_sent_ahead_and_returned_in_order() -> None:
    farm = Farm(lambda farm: farm.finish(1), lambda farm: farm.finish(0))
    assert farm.dispatch.next(SECTIONS).number == 0
    assert [each.section.number for each in farm.client.sent] == list(range(2 * AHEAD))
    assert farm.dispatch.next(SECTIONS[1:]).number == 1
    assert [len(farm.client.of(number)) for number in range(2 * AHEAD + 1)] == [1] * (2 * AHEAD + 1)
    assert farm.workers.told == ["one made one"] * 2


def test_a_section_that_fails_goes_to_the_other_worker() -> None:
    farm = Farm(lambda farm: farm.fail(fault("one")), lambda farm: farm.finish())
    farm.dispatch.next(SECTIONS)
    assert [each.workers for each in farm.client.of(0)] == [["one", "two"], ["two"]]
    assert farm.workers.told == ["one: The disk is full", "two made one"]


def test_a_section_that_fails_three_times_ends_the_run_with_its_cause() -> None:
    farm = Farm(*(lambda farm, on=worker: farm.fail(fault(on)) for worker in ("one", "two", "one")))
    with pytest.raises(ClusterError) as caught:
        farm.dispatch.next(SECTIONS)
    assert caught.value.message == "Section 1 failed 3 times, the last time on worker one: The disk is full."
    assert caught.value.hint == "Free some space."
    assert farm.client.of(0)[-1].workers == ["one", "two"]  # it has failed on both, so both may try


def test_what_was_refused_is_counted_as_a_failure() -> None:
    farm = Farm(*[lambda farm: farm.finish()] * 3)
    for _ in range(2):
        farm.dispatch.refuse(SECTIONS[0], farm.dispatch.next(SECTIONS).worker, ClusterError("It was damaged."))
    made = farm.dispatch.next(SECTIONS)
    with pytest.raises(ClusterError, match="failed 3 times, the last time on worker one: It was damaged"):
        farm.dispatch.refuse(SECTIONS[0], made.worker, ClusterError("It was damaged."))


def test_a_late_section_is_sent_to_another_worker_as_well(clock: Clock) -> None:
    later = clock.after(20)
    farm = Farm(lambda farm: farm.finish(), later, later, lambda farm: farm.finish(1))
    farm.dispatch.next(SECTIONS)
    assert farm.dispatch.next(SECTIONS[1:]).worker == "two"
    hung, copy = farm.client.of(1)
    assert (hung.status, copy.workers) == ("cancelled", ["two"])
    assert "one: it is too slow, or hangs" in farm.workers.told


def blames(farm: Farm) -> int:
    return farm.workers.told.count("one: it is too slow, or hangs")


def test_a_worker_is_blamed_again_only_if_it_ends_nothing_for_ever_longer(clock: Clock) -> None:
    seen = []

    def later(farm: Farm) -> None:
        clock.after(11)(farm)
        seen.append(blames(farm))

    farm = Farm(lambda farm: farm.finish(), *[later] * 20, lambda farm: farm.finish(1))
    farm.dispatch.next(SECTIONS)  # an easy one, and hard ones after it
    farm.dispatch.next(SECTIONS[1:])
    assert [seen.count(number) for number in range(4)] == [3, 6, 11, 0]


def test_sections_that_are_only_counted_do_not_show_how_long_others_take(clock: Clock) -> None:
    later = clock.after(1000)
    counted = [replace(section, writes=section.number > 0) for section in SECTIONS]
    farm = Farm(lambda farm: farm.finish(), later, later, lambda farm: farm.finish(1))
    farm.dispatch.next(counted)
    farm.dispatch.next(counted[1:])
    assert (blames(farm), len(farm.client.of(1))) == (0, 1)


def test_the_only_worker_is_never_too_slow(clock: Clock) -> None:
    later = clock.after(1000)
    farm = Farm(lambda farm: farm.finish(), later, later, lambda farm: farm.finish(1))
    farm.workers.accepted = ["one"]
    farm.dispatch.next(SECTIONS)
    farm.dispatch.next(SECTIONS[1:])
    assert blames(farm) == 0


def test_a_section_that_hangs_on_two_workers_is_sent_to_a_third(clock: Clock) -> None:
    later = clock.after(20)
    farm = Farm(lambda farm: farm.finish(), *[later] * 4, lambda farm: farm.finish(1))
    farm.workers.accepted.append("three")
    farm.dispatch.next(SECTIONS)
    assert farm.dispatch.next(SECTIONS[1:]).worker == "three"
    assert [each.workers for each in farm.client.of(1)] == [["one", "two", "three"], ["two", "three"], ["three"]]


def test_a_section_whose_workers_are_gone_or_that_was_lost_is_sent_again() -> None:
    def replaced(farm: Farm) -> None:
        farm.workers.accepted = ["three"]

    def lost(farm: Farm) -> None:
        farm.client.of(0)[-1].status = "lost"

    farm = Farm(replaced, lost, lambda farm: farm.finish())
    farm.dispatch.next(SECTIONS)
    assert [each.workers for each in farm.client.of(0)] == [["one", "two"], ["three"], ["three"]]


def test_what_a_worker_does_not_hand_back_is_made_by_another(clock: Clock) -> None:
    later = clock.after(100)

    def stuck(farm: Farm) -> None:
        farm.client.of(0)[-1].outcome = NEVER
        farm.finish()

    farm = Farm(stuck, later, lambda _: None, lambda farm: farm.finish())
    farm.dispatch.next(SECTIONS[:1])
    assert [each.status for each in farm.client.of(0)] == ["cancelled", "finished"]
    assert farm.workers.told == ["one: it does not hand back what it has made", "two made one"]


def test_nothing_is_left_under_way() -> None:
    farm = Farm(lambda farm: farm.finish())
    farm.dispatch.next(SECTIONS)
    farm.dispatch.withdraw()
    assert {each.status for each in farm.client.sent[1:]} == {"cancelled"}

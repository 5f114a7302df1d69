"""Each worker is examined first; one that differs, or fails again and again, is refused by name."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from ifrplus_cli.cluster import workers as workers_file
from ifrplus_cli.cluster.terms import ROUNDING, differences
from ifrplus_cli.cluster.workers import Workers
from ifrplus_cli.errors import ClusterError

TERMS = {"ifrplus": "0.1.0", "the checksum of the weights": "aa", "the engine": "ONNX Runtime", "the precision": "fp32"}
FINE = {**TERMS, ROUNDING: "1"}
ONE, TWO, THREE = (f"tcp://10.0.0.{number}:4000" for number in (1, 2, 3))


@dataclass
class Answer:
    """What a worker answered, or the error that came back instead."""

    value: Any
    status: str = "finished"

    def done(self) -> bool:
        return self.status != "pending"

    def result(self) -> Any:
        return self.value

    def exception(self) -> Any:
        return self.value


@dataclass
class FakeClient:
    """A scheduler with workers that answer at once."""

    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    cluster: Any = None

    def scheduler_info(self, n_workers: int) -> dict[str, Any]:
        return {"workers": {address: {"name": f"desk {address[-6]}"} for address in self.answers}}

    def submit(self, _: object, exam: object, *, workers: list[str], **options: object) -> Answer:
        self.asked += workers
        return self.answers[workers[0]]


def workers_of(client: FakeClient, cluster: str = "tcp://10.0.0.9:8786") -> tuple[Workers, list[str]]:
    said: list[str] = []
    return Workers(client, cluster, None, TERMS, said.append), said  # type: ignore[arg-type]


def test_workers_that_meet_the_terms_are_accepted_and_examined_once() -> None:
    client = FakeClient({ONE: Answer(FINE), TWO: Answer(FINE, "pending")})
    workers, said = workers_of(client)
    workers.look()
    assert workers.accepted == [ONE]
    client.answers[TWO].status = "finished"
    workers.look()
    assert (workers.accepted, client.asked, said) == ([ONE, TWO], [ONE, TWO], [])


def test_workers_that_are_still_examined_count_as_usable_and_those_refused_do_not() -> None:
    client = FakeClient({ONE: Answer(FINE), TWO: Answer(FINE, "pending"), THREE: Answer("It has no ffmpeg.")})
    workers, _ = workers_of(client)
    workers.look()
    assert (workers.accepted, workers.usable) == ([ONE], 2)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (Answer({**FINE, "ifrplus": "0.2.0"}), "ifrplus is 0.2.0 instead of 0.1.0"),
        (Answer({**FINE, "the precision": "fp16"}), "the precision is fp16 instead of fp32"),
        (Answer({ROUNDING: "1"}), "the engine is not stated instead of ONNX Runtime"),
        (Answer("The weights lite were not found."), "The weights lite were not found"),
        (Answer("it runs 8 tasks at a time; start it with --nthreads 1"), "8 tasks at a time"),
        (Answer(ImportError("No module named 'ifrplus_cli'"), "error"), "could not be examined: No module named"),
    ],
)
def test_a_worker_that_differs_is_refused_by_name(answer: Answer, why: str) -> None:
    client = FakeClient({ONE: Answer(FINE), TWO: answer})
    workers, said = workers_of(client)
    workers.look()
    assert workers.accepted == [ONE]
    assert said[0].startswith(f"The worker desk 2 ({TWO}) is not used: ")
    assert why in said[0]


def test_without_any_worker_that_can_be_used_the_run_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    early, _ = workers_of(FakeClient({ONE: Answer("It lacks ffmpeg.")}))
    early.look()  # others may be on their way
    monkeypatch.setattr(workers_file, "JOINING_S", 0)
    workers, _ = workers_of(FakeClient({ONE: Answer({**FINE, "ifrplus": "0.2.0"})}))
    with pytest.raises(ClusterError, match=r"No worker can be used. desk 1 .*: ifrplus is 0.2.0 instead of 0.1.0"):
        workers.look()
    waiting, _ = workers_of(FakeClient())
    waiting.look()  # without workers it waits for some
    assert waiting.accepted == []


def test_another_way_of_rounding_is_told_but_not_refused() -> None:
    client = FakeClient({ONE: Answer(FINE), TWO: Answer({**FINE, ROUNDING: "2"})})
    workers, said = workers_of(client)
    workers.look()
    assert workers.accepted == [ONE, TWO]
    assert said == [
        f"The worker desk 2 ({TWO}) rounds otherwise than desk 1 ({ONE}), as another processor may: frames that it "
        "makes may differ in their last bits."
    ]


def test_a_worker_that_fails_three_times_in_a_row_gets_no_more_sections() -> None:
    client = FakeClient({ONE: Answer(FINE), TWO: Answer(FINE)})
    workers, said = workers_of(client)
    workers.look()
    workers.failed(ONE, "The disk is full")
    workers.failed(ONE, "The disk is full")
    workers.succeeded(ONE)
    for _ in range(3):
        workers.failed(ONE, "The disk is full")
    assert workers.accepted == [TWO]
    assert said == [f"The worker desk 1 ({ONE}) is not used: it failed 3 times in a row: The disk is full."]


def test_a_worker_that_is_gone_is_forgotten_and_examined_when_it_is_back() -> None:
    client = FakeClient({ONE: Answer(FINE), TWO: Answer(FINE)})
    workers, _ = workers_of(client)
    workers.look()
    gone = client.answers.pop(ONE)
    workers.look()
    assert workers.accepted == [TWO]
    client.answers[ONE] = gone
    workers.look()
    assert (workers.accepted, client.asked) == ([TWO, ONE], [ONE, TWO, ONE])


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, which stands still."""
    clock = [0.0]
    monkeypatch.setattr(workers_file.time, "monotonic", lambda: clock[0])
    return clock


def test_a_run_without_workers_says_once_that_it_waits(now: list[float]) -> None:
    client = FakeClient({ONE: Answer(FINE)})
    workers, said = workers_of(client)
    workers.look()
    gone = client.answers.pop(ONE)
    for now[0] in (5, 12, 1000):
        workers.look()
    assert said == ["tcp://10.0.0.9:8786 has no worker: the run waits for one."]
    client.answers[ONE] = gone
    workers.look()
    assert workers.accepted == [ONE]


def test_a_run_ends_where_no_worker_starts_on_this_machine(now: list[float]) -> None:
    workers, said = workers_of(FakeClient(), "local:2")
    for now[0] in (12, 200):
        workers.look()
    assert said == ["local:2 has no worker: the run waits for one."]
    now[0] = 400
    with pytest.raises(ClusterError, match="No worker starts on this machine") as caught:
        workers.look()
    assert "ask for fewer workers" in caught.value.hint


def test_only_what_is_wanted_counts() -> None:
    assert differences(FINE, TERMS) == []
    assert differences({**FINE, "the engine": "MindSpore"}, TERMS) == [
        "the engine is MindSpore instead of ONNX Runtime"
    ]

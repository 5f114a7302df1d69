"""What comes back from workers is checked before it counts, and counted once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import pytest
from clips import make_clip

from ifrplus_cli.cluster.intake import Intake
from ifrplus_cli.cluster.order import Counts, MadeSection, MadeSegment, Read
from ifrplus_cli.cluster.sections import Section
from ifrplus_cli.errors import ClusterError, OutputError
from ifrplus_cli.files import LEAST_FREE
from ifrplus_cli.frames.cut_list import Cut
from ifrplus_cli.pipeline.job import Job, UpsampleOptions, plan_job
from ifrplus_cli.pipeline.journal import Journal
from ifrplus_cli.pipeline.segments import SegmentEncoder
from ifrplus_cli.stopping import StopRequest
from ifrplus_cli.values import Frame
from ifrplus_cli.video.reading.decode import decode
from ifrplus_cli.video.reading.probe import probe
from ifrplus_cli.video.writing.encoders import EncodeOptions

LENGTH, FRAME = 4, Fraction(1, 50)
COUNTS = Counts({"motion": 3, "cut": 1}, 3, 1, 0, (Cut(2, Fraction(2, 25), None),), None, None)
FIRST, LAST = Section(0, 0, 8), Section(1, 8, None)


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Job:
    """Six frames that become twelve."""
    folder = tmp_path_factory.mktemp("film")
    clip = probe(make_clip(folder / "clip.mkv"))
    return plan_job(clip, folder / "out.mkv", UpsampleOptions(encode=EncodeOptions("ffv1")))


@pytest.fixture(scope="module")
def made(job: Job, tmp_path_factory: pytest.TempPathFactory) -> tuple[MadeSection, MadeSection]:
    """Both sections, of frames that are simply repeated."""
    with decode(job.clip) as decoder:
        frames = [Frame(frame.pts + late, frame.planes) for frame in decoder for late in (0, FRAME)]
    journal = Journal.of(tmp_path_factory.mktemp("work") / "out", {})
    with SegmentEncoder(job.encode, journal, StopRequest(), length=LENGTH) as encoder:
        for frame in frames:
            encoder.write(frame)
        encoder.finish()
    times = [frame.pts for frame in frames]
    segments = [
        MadeSegment(
            tuple(times[LENGTH * number : LENGTH * (number + 1)]), journal.path_of(number).read_bytes(), each.sha256
        )
        for number, each in enumerate(journal.state.segments)
    ]
    return MadeSection(0, tuple(segments[:2]), COUNTS), MadeSection(1, tuple(segments[2:]), COUNTS)


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    """Of a run that begins."""
    return Journal.of(tmp_path / "out.mkv", {})


def test_sections_become_segments_of_the_journal_and_are_summed_up(
    job: Job, made: tuple[MadeSection, MadeSection], journal: Journal
) -> None:
    intake = Intake(job, journal, LENGTH)
    intake.take(FIRST, made[0])
    intake.take(LAST, made[1])
    assert [segment.frames for segment in Journal.read(journal.folder).state.segments] == [4, 4, 4]
    totals = intake.totals()
    assert (totals.frames_in, totals.frames_out, totals.made) == (6, 12, 6)
    assert totals.pairs == {"motion": 6, "cut": 2, "duplicate": 0}
    assert (totals.start, totals.last, len(totals.cuts)) == (0, 11 * FRAME, 2)
    assert totals.notes == ("2 repeated frames of the source were replaced by made frames.",)
    assert intake.made == 6


def test_what_an_earlier_run_has_made_is_only_counted(
    job: Job, made: tuple[MadeSection, MadeSection], journal: Journal
) -> None:
    Intake(job, journal, LENGTH).take(FIRST, made[0])
    intake = Intake(job, journal, LENGTH)
    intake.take(replace(FIRST, writes=False), MadeSection(0, (), COUNTS))
    intake.take(LAST, made[1])
    assert (intake.totals().frames_out, intake.made) == (12, 3)


def test_a_damaged_source_is_reported_as_by_a_single_run(
    job: Job, made: tuple[MadeSection, MadeSection], journal: Journal
) -> None:
    intake = Intake(job, journal, LENGTH)
    intake.take(FIRST, made[0])
    intake.take(replace(LAST, whole=True), replace(made[1], counts=replace(COUNTS, read=Read(5, complaints=3))))
    totals = intake.totals()
    assert totals.frames_in == 5
    assert "ffmpeg reported 3 errors, and 5 frames could be decoded from 6 packets" in totals.notes[0]


def with_segment(made: MadeSection, number: int, **changes: object) -> MadeSection:
    segments = list(made.segments)
    segments[number] = replace(segments[number], **changes)  # type: ignore[arg-type]
    return replace(made, segments=tuple(segments))


def another_number(made: MadeSection) -> MadeSection:
    return replace(made, number=1)


def fewer(made: MadeSection) -> MadeSection:
    return replace(made, segments=made.segments[:1])


def later(made: MadeSection) -> MadeSection:
    return with_segment(made, 1, times=tuple(time + FRAME for time in made.segments[1].times))


def damaged(made: MadeSection) -> MadeSection:
    return with_segment(made, 1, content=made.segments[1].content[:-1] + b"?")


def of_other_frames(made: MadeSection) -> MadeSection:
    return with_segment(made, 1, content=made.segments[0].content, sha256=made.segments[0].sha256)


def no_film(made: MadeSection) -> MadeSection:
    return with_segment(made, 1, content=b"film", sha256=hashlib.sha256(b"film").hexdigest())


@pytest.mark.parametrize(
    ("change", "told", "kept"),
    [
        (another_number, "Another section than number 1 came back", 0),
        (fewer, "Section 1 came back with other frames than were ordered", 0),
        (later, "Section 1 came back with other frames than were ordered", 0),
        (damaged, "Segment 2 was damaged on its way", 4),
        (of_other_frames, "The frames of segment 2 have wrong times", 4),
        (no_film, "Segment 2 can't be read back", 4),
    ],
)
def test_what_is_not_as_it_was_ordered_is_refused_and_taken_once_when_it_is(
    change: Callable[[MadeSection], MadeSection],
    told: str,
    kept: int,
    job: Job,
    made: tuple[MadeSection, MadeSection],
    journal: Journal,
) -> None:
    intake = Intake(job, journal, LENGTH)
    with pytest.raises(ClusterError, match=told):
        intake.take(FIRST, change(made[0]))
    assert journal.frames == kept
    assert not list(journal.folder.glob("*.part"))
    intake.take(FIRST, made[0])
    assert [segment.frames for segment in journal.state.segments] == [4, 4]


def test_a_full_disk_here_is_no_fault_of_a_worker(
    job: Job, made: tuple[MadeSection, MadeSection], journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=LEAST_FREE - 1))
    with pytest.raises(OutputError, match="The disk is full"):
        Intake(job, journal, LENGTH).take(FIRST, made[0])
    assert journal.frames == 0

"""A film in segments: where they begin and end, and what is refused before it counts."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest
from clips import children, frame_hashes, frame_times, probe_once, wrap_ffmpeg

from ifrplus_cli.errors import InputError, OutputError
from ifrplus_cli.pipeline import segments
from ifrplus_cli.pipeline.job import UpsampleOptions, plan_job
from ifrplus_cli.pipeline.journal import Journal
from ifrplus_cli.pipeline.segments import SegmentEncoder, is_long
from ifrplus_cli.stopping import StopRequest
from ifrplus_cli.values import Frame
from ifrplus_cli.video.reading.decode import decode
from ifrplus_cli.video.reading.probe import read_segment
from ifrplus_cli.video.writing.encode_plan import EncodePlan
from ifrplus_cli.video.writing.encoders import EncodeOptions

FRAME = Fraction(1, 25)


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four frames in a segment."""
    monkeypatch.setattr(segments, "FRAMES", 4)


@pytest.fixture
def plan(clip: Path, tmp_path: Path) -> EncodePlan:
    """For six frames, stored without loss."""
    options = UpsampleOptions(encode=EncodeOptions("ffv1"))
    return plan_job(probe_once(clip), tmp_path / "film.mkv", options).encode


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    """Of a run that begins."""
    return Journal.of(tmp_path / "film.mkv", {})


def frames_of(clip: Path) -> list[Frame]:
    with decode(probe_once(clip)) as decoder:
        return list(decoder)


def test_segments_end_at_whole_frames_and_are_counted_from_the_films_start(
    plan: EncodePlan, journal: Journal, clip: Path
) -> None:
    stop, deferred = StopRequest(), []
    with SegmentEncoder(plan, journal, stop) as encoder:
        for frame in frames_of(clip):
            encoder.write(Frame(frame.pts + 3, frame.planes))
            deferred.append(stop.deferred)
        encoder.finish()
    assert deferred == [True, True, True, False, True, True]
    assert not stop.deferred
    found = journal.state.segments
    assert [(s.frames, s.start, s.last) for s in found] == [(4, 3, 3 + 3 * FRAME), (2, 3 + 4 * FRAME, 3 + 5 * FRAME)]
    assert len({segment.header for segment in found}) == 1
    paths = [journal.path_of(number) for number in range(2)]
    assert [time for path in paths for time in frame_times(path)] == [n * FRAME for n in range(6)]
    assert [picture for path in paths for picture in frame_hashes(path, "yuv420p")] == frame_hashes(clip, "yuv420p")
    assert not list(journal.folder.glob("*.part"))


def test_a_segment_that_is_not_ended_does_not_count(plan: EncodePlan, journal: Journal, clip: Path) -> None:
    stop = StopRequest()
    with pytest.raises(ZeroDivisionError), SegmentEncoder(plan, journal, stop) as encoder:
        for frame in frames_of(clip)[:5]:
            encoder.write(frame)
        raise ZeroDivisionError
    assert Journal.read(journal.folder).frames == 4
    assert sorted(path.name for path in journal.folder.iterdir()) == ["000000.segment", "record.json"]
    assert not stop.deferred
    assert not children()


def fewer(part: Path) -> tuple[list[Fraction], str]:
    times, header = read_segment(part)
    return times[:-1], header


def later(part: Path) -> tuple[list[Fraction], str]:
    times, header = read_segment(part)
    return [*times[:-1], times[-1] + FRAME], header


def unreadable(part: Path) -> tuple[list[Fraction], str]:
    raise InputError("It is no film.")


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (fewer, "Segment 1 has 3 frames instead of 4"),
        (later, "The frames of segment 1 have wrong times"),
        (unreadable, "Segment 1 can't be read back: It is no film"),
    ],
)
def test_a_segment_that_is_not_what_it_must_be_is_refused(
    found: Callable[[Path], tuple[list[Fraction], str]],
    told: str,
    plan: EncodePlan,
    journal: Journal,
    clip: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(segments, "read_segment", found)
    with pytest.raises(OutputError, match=told), SegmentEncoder(plan, journal, StopRequest()) as encoder:
        for frame in frames_of(clip):
            encoder.write(frame)
    assert journal.frames == 0
    assert not list(journal.folder.iterdir())


def test_a_segment_of_another_kind_is_not_joined(
    plan: EncodePlan, journal: Journal, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = iter(["one", "other"])
    monkeypatch.setattr(segments, "read_segment", lambda part: (read_segment(part)[0], next(headers)))
    encoder = SegmentEncoder(plan, journal, StopRequest())
    with pytest.raises(OutputError, match="Segment 2, encoded with ffv1, can't be joined"), encoder:
        for frame in frames_of(clip):
            encoder.write(frame)
        encoder.finish()
    assert journal.frames == 4


def test_an_encoder_that_ends_early_is_noticed(
    plan: EncodePlan, journal: Journal, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrap_ffmpeg(tmp_path, monkeypatch, encoder='head -c 15000 | ffmpeg "$@"')
    with pytest.raises(OutputError), SegmentEncoder(plan, journal, StopRequest()) as encoder:
        for frame in frames_of(clip):
            encoder.write(frame)
    assert journal.frames == 0


def test_a_film_is_long_from_two_segments_on() -> None:
    assert [is_long(frames) for frames in (0, 8, 9)] == [False, False, True]

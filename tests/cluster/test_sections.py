"""Where a film is cut into sections, and which source frames each of them needs."""

from __future__ import annotations

import time
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest
from clips import make_clip
from made_up import clip_of

from ifrplus_cli.cluster.sections import (
    LOOKED_AHEAD,
    Section,
    place_of,
    plan_sections,
    reading_of,
    restart,
    source_frame_at,
    times_of,
)
from ifrplus_cli.pipeline.job import Job, UpsampleOptions, plan_job
from ifrplus_cli.video.reading.probe import probe
from ifrplus_cli.video.writing.encoders import EncodeOptions

LENGTH = 4  # frames in a segment
FIVE_HALVES, UNEVEN = Fraction(5, 2), [number * 40 + number % 5 * 3 for number in range(24)]


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty-four frames at a variable rate."""
    return make_clip(tmp_path_factory.mktemp("film") / "clip.mkv", ticks=UNEVEN)


def job_of(film: Path, **options: object) -> Job:
    wanted = UpsampleOptions(encode=EncodeOptions("ffv1"), **options)  # type: ignore[arg-type]
    return plan_job(probe(film), film.with_name("out.mkv"), wanted)


def all_times(job: Job) -> list[Fraction]:
    """Times of all output frames, slot by slot."""
    spans = enumerate(pairwise([*job.clip.times, job.clip.end]))
    return [tick.pts for index, (start, end) in spans for tick in job.timeline.ticks(index, start, end)]


@pytest.mark.parametrize("kept", [0, 8, 48])
def test_sections_join_and_begin_at_the_borders_of_segments(film: Path, kept: int) -> None:
    sections = plan_sections(job_of(film), kept, LENGTH, workers=2)
    assert [section.number for section in sections] == list(range(len(sections)))
    assert [a.end for a in sections[:-1]] == [b.begin for b in sections[1:]]
    assert (sections[0].begin, sections[-1].end) == (0, None)
    assert all(section.begin % LENGTH == 0 for section in sections)
    assert [section.writes for section in sections] == [section.begin >= kept for section in sections]


@pytest.mark.parametrize(
    "options",
    [
        {"factor": Fraction(2)},
        {"factor": FIVE_HALVES},
        {"fps": Fraction(60)},
        {"factor": FIVE_HALVES, "slow_motion": True},
        {"start": Fraction(1, 5), "factor": Fraction(4)},
    ],
    ids=str,
)
def test_the_frames_of_all_sections_are_those_of_the_film(film: Path, options: dict[str, object]) -> None:
    job = job_of(film, **options)
    sections = plan_sections(job, 0, LENGTH, workers=2)
    assert [time for section in sections for time in times_of(job, section)] == all_times(job)
    for section in sections:
        reading = reading_of(job, section)
        start, first = source_frame_at(job, section.begin), reading.number
        assert first == max(0, start - 1)  # the frame before shows how the motion changes
        assert reading.place == place_of(job.timeline, first, job.clip.times[first]) <= section.begin
        found = reading.job.clip
        assert found.packet_pts == job.clip.packet_pts[first : first + len(found.packet_pts)]
        after = len(job.clip.packet_pts) if section.end is None else source_frame_at(job, section.end - 1) + 3
        assert first + len(found.packet_pts) >= min(after, len(job.clip.packet_pts))
        assert reading.checked


def test_smoothed_repeats_are_sought_some_frames_before() -> None:
    job = replace(job_of_many(2000), options=UpsampleOptions(smooth_duplicates=True))
    reading = reading_of(job, Section(3, 3000, 3250))
    assert (reading.number, reading.settle) == (1500 - 14 - 500, 500)
    assert len(reading.job.clip.packet_pts) == 14 + 500 + 125 + LOOKED_AHEAD
    early = reading_of(job, Section(0, 100, 200))
    assert (early.number, early.settle) == (0, 36)
    assert reading_of(job, Section(0, 0, 100)).settle == 0


def test_after_a_stray_frame_the_film_is_decoded_from_its_start(film: Path) -> None:
    job = job_of(film)
    sections = restart(plan_sections(job, 0, LENGTH, workers=2), 2)
    assert [section.whole for section in sections[:4]] == [False, False, True, True]
    reading = reading_of(job, sections[3])
    assert (reading.number, reading.place, reading.checked, reading.job.clip.section) == (0, 0, False, None)


def job_of_many(frames: int) -> Job:
    """A job for many frames, of which only the times exist."""
    from upsampling import LOSSLESS

    clip = clip_of(frames)
    return plan_job(clip, Path("out.mkv"), UpsampleOptions(encode=LOSSLESS))


def test_a_thousand_sections_are_planned_in_a_second() -> None:
    """In processor time, with every order that is sent."""
    job = job_of_many(125_000)
    began = time.process_time()
    sections = plan_sections(job, 0, 250, workers=1000)
    readings = [reading_of(job, section) for section in sections]
    assert len(readings) == 1000
    assert time.process_time() - began < 1
    assert all(len(reading.job.clip.packet_pts) < 200 for reading in readings)

"""Cut a film into sections at the borders of its segments; each knows the source frames that it is made from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

from ifrplus_cli.frames.duplicates import LONGEST_RUN
from ifrplus_cli.frames.timeline import Timeline
from ifrplus_cli.pipeline.disk_space import picture_bytes
from ifrplus_cli.pipeline.job import Job
from ifrplus_cli.values import ClipInfo
from ifrplus_cli.video.reading.decode import seeks_exactly
from ifrplus_cli.video.reading.trim import frames_from
from ifrplus_cli.video.writing.encode_plan import EncodePlan

MOST_SEGMENTS = 4  # of a section
MOST_BYTES = 256 * 10**6  # estimated, of a section: so much a worker and the client hold in memory
SECTIONS_A_WORKER = 8  # at least, so that all workers end at about the same time
FRAMES_AROUND = 1  # frames before a pair, and after it, that show how its motion changes
UNSETTLED = 2 * (LONGEST_RUN + FRAMES_AROUND)  # frames before a section that repeats may reach back
LOOKED_BACK = 500  # frames before those among which a worker seeks the place where repeats begin again
LOOKED_AHEAD = 4 * LONGEST_RUN  # frames after a section on which its last pair may depend


@dataclass(frozen=True)
class Section:
    """A part of the film that one worker makes.

    Attributes:
        number: counted from 0.
        begin, end: its output frames, counted from the film's first one; ``end`` is None for the last section.
        writes: whether its frames are made; otherwise an earlier run has done so, and they are only counted.
        whole: whether the film is decoded from its start, and nothing is known of its frames before.
    """

    number: int
    begin: int
    end: int | None
    writes: bool = True
    whole: bool = False


@dataclass(frozen=True)
class Reading:
    """The source frames of a section.

    Attributes:
        job: the film's job, whose clip begins at the first frame that is read and states the times of those needed.
        number: number of source frames before the first one that is read.
        place: number of output frames before that frame.
        checked: whether frames must have the times that the clip states.
        settle: number of frames at the beginning among which a worker seeks the one with which it begins; 0 for none.
    """

    job: Job
    number: int
    place: int
    checked: bool
    settle: int = 0


def plan_sections(job: Job, kept: int, length: int, workers: int) -> tuple[Section, ...]:
    """Cut a film into sections.

    Args:
        kept: number of output frames that exist; they are whole segments, or the whole film.
        length: number of frames in a segment.
        workers: number of workers that are expected.
    """
    whole = job.expected_frames
    size = length * _segments_of_a_section(job, whole, length, workers)
    borders = sorted({0, *range(0, kept, size), kept, *range(kept, whole, size)} - {whole})
    ends: list[int | None] = [*borders[1:], None]
    return tuple(
        Section(number, begin, end, writes=begin >= kept)
        for number, (begin, end) in enumerate(zip(borders, ends, strict=True))
    )


def restart(sections: tuple[Section, ...], first: int) -> tuple[Section, ...]:
    """Return the sections, of which those from ``first`` on are decoded from the start of the film."""
    return tuple(replace(each, whole=True) if each.number >= first else each for each in sections)


def _segments_of_a_section(job: Job, frames: int, length: int, workers: int) -> int:
    segments = -(-frames // length)
    shared = segments // (SECTIONS_A_WORKER * workers)
    fitting = MOST_BYTES // max(1, picture_bytes(job.encode, length))
    return max(1, min(shared, fitting, MOST_SEGMENTS))


def reading_of(job: Job, section: Section) -> Reading:
    """Return the source frames that a section is made from.

    Args:
        job: the job of the whole film.
    """
    loops = job.options.loop and (section.begin == 0 or section.end is None)
    if section.whole or loops:
        # Where the frames are not those of the packets, only decoding shows which frame comes when.
        return Reading(_reduced(job, 0, None if loops else 1, loops=loops), 0, 0, checked=loops and not section.whole)
    frames = len(job.clip.packet_pts)
    start = source_frame_at(job, section.begin)
    last = frames - 1 if section.end is None else source_frame_at(job, section.end - 1)
    settle = 0
    first = max(0, start - FRAMES_AROUND)
    if job.options.smooth_duplicates:
        settled = start - UNSETTLED
        first = max(0, settled - LOOKED_BACK)
        settle = max(0, settled - first)
        first = first if settle else 0
    known = min(frames, last + 1 + LOOKED_AHEAD) - first
    reduced = _reduced(job, first, known, loops=False)
    return Reading(reduced, first, place_of(job.timeline, first, _time(job, first)), checked=True, settle=settle)


def source_frame_at(job: Job, output: int) -> int:
    """Return the number of the source frame that is shown last before, or at, an output frame."""
    low, high = 0, len(job.clip.packet_pts)
    while high - low > 1:
        middle = (low + high) // 2
        if place_of(job.timeline, middle, _time(job, middle)) <= output:
            low = middle
        else:
            high = middle
    return low


def place_of(timeline: Timeline, number: int, time: Fraction) -> int:
    """Return the number of output frames before a source frame."""
    return max(0, timeline.count(number, time))


def times_of(job: Job, section: Section) -> Iterator[Fraction]:
    """Yield the times of a section's output frames in seconds, according to the packets of the source."""
    frames = len(job.clip.packet_pts)
    index = source_frame_at(job, section.begin)
    place = place_of(job.timeline, index, _time(job, index))
    while index < frames and (section.end is None or place < section.end):
        after = _time(job, index + 1) if index + 1 < frames else job.clip.end
        for tick in job.timeline.ticks(index, _time(job, index), after):
            if place >= section.begin and (section.end is None or place < section.end):
                yield tick.pts
            place += 1
        index += 1


def counted(clip: ClipInfo) -> ClipInfo:
    """Return the clip, decoded from the start of the film, even if decoding could begin at its first frame."""
    return clip if clip.section is None else replace(clip, section=replace(clip.section, counted=True))


def reach_of(reading: Reading) -> Fraction | None:
    """Return the time of the last frame that a section needs, in seconds; None if that is not known."""
    clip = reading.job.clip
    return clip.packet_pts[-1] * clip.time_base if reading.checked else None


def begun_at(reading: Reading, settled: int) -> Reading:
    """Return the reading without its first ``settled`` frames; what is decoded from the film's start stays so."""
    clip = frames_from(reading.job.clip, settled)
    if (before := reading.job.clip.section) is not None and clip.section is not None:
        clip = replace(clip, section=replace(clip.section, counted=before.counted, piece=before.piece))
    job, number = replace(reading.job, clip=clip), reading.number + settled
    return Reading(job, number, place_of(job.timeline, number, _time(job, 0)), reading.checked)


def _time(job: Job, number: int) -> Fraction:
    return job.clip.packet_pts[number] * job.clip.time_base


def of_picture(plan: EncodePlan) -> EncodePlan:
    """Return the plan for the picture alone, with the time of one frame: it is sent without those of all packets."""
    return replace(plan, clip=replace(plan.clip, packet_pts=plan.clip.packet_pts[:1], streams=()), carried=())


def _reduced(job: Job, first: int, known: int | None, *, loops: bool) -> Job:
    """Return the job without what a section does not need, and what would only be sent for nothing."""
    clip = frames_from(job.clip, first, known)
    if first and not seeks_exactly(clip):
        clip = counted(clip)
    clip = replace(clip, streams=(), chapters=())
    return replace(job, clip=clip, encode=of_picture(job.encode), options=replace(job.options, loop=loops))

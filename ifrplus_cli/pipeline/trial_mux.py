"""Try, before the run, to write two frames with the other streams, and check the file like the finished film.

A file that the check of the finished film would refuse is refused here, before hours of work.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import islice, pairwise
from pathlib import Path

import numpy as np

from ifrplus_cli.errors import OutputError
from ifrplus_cli.pipeline.job import Job
from ifrplus_cli.pipeline.journal import Journal
from ifrplus_cli.pipeline.resume import keeps_segments
from ifrplus_cli.pipeline.segments import SegmentEncoder, join_segments
from ifrplus_cli.pipeline.verify import Promise, verify
from ifrplus_cli.stopping import StopRequest
from ifrplus_cli.values import Frame, Plane
from ifrplus_cli.video.writing.encode import VideoEncoder
from ifrplus_cli.video.writing.encode_plan import EncodePlan

FRAMES = 2
SECONDS = 1  # of the other streams, after the last of these frames
SHORT = 24  # output frames: a run of no more ends as soon as its trial would
HINT = "Try another container or codec; no frame has been made yet."


def try_muxing(job: Job) -> None:
    """Write the first moment of a film, with grey frames instead of its own, and check it.

    Nothing is tried for images and animations, which have no other streams, nor for runs of a few frames.

    Raises:
        OutputError: naming everything in which the finished film would differ from the promise.
    """
    if not job.target.joins_segments or job.expected_frames <= SHORT:
        return
    times = list(islice(_tick_times(job), FRAMES))
    plan = replace(job.encode, until=times[-1] - job.encode.origin + SECONDS)
    frames = [Frame(time, _grey(plan)) for time in times]
    with tempfile.TemporaryDirectory(prefix=".ifrplus-", dir=job.output.absolute().parent) as folder:
        path = Path(folder) / f"trial{job.output.suffix}"
        if keeps_segments(job):
            _join_segments(plan, path, frames)
        else:
            _encode(plan, path, frames)
        _check(path, plan, times)


def _tick_times(job: Job) -> Iterator[Fraction]:
    """Yield the times of the output frames."""
    for index, (start, end) in enumerate(pairwise([*job.clip.times, job.clip.end])):
        yield from (tick.pts for tick in job.timeline.ticks(index, start, end))


def _grey(plan: EncodePlan) -> tuple[Plane, ...]:
    form = plan.raw_format
    shapes = form.plane_shapes(plan.width, plan.height)
    return tuple(np.full(shape, 1 << (form.depth - 1), form.dtype) for shape in shapes)


def _encode(plan: EncodePlan, path: Path, frames: list[Frame]) -> None:
    with VideoEncoder(plan, path) as encoder:
        for frame in frames:
            encoder.write(frame)
        encoder.finish()


def _join_segments(plan: EncodePlan, path: Path, frames: list[Frame]) -> None:
    """Write the file as long films are written: from segments, here of one frame each."""
    journal = Journal.of(path, {})
    with SegmentEncoder(plan, journal, StopRequest()) as segments:
        for frame in frames:
            segments.write(frame)
            segments.finish()
    join_segments(plan, journal, path)


def _check(path: Path, plan: EncodePlan, times: list[Fraction]) -> None:
    start, last = times[0] - plan.origin, times[-1] - plan.origin
    promise = Promise(plan, len(times), start, last, last + plan.timing.last_duration - start)
    try:
        verify(path, promise)
    except OutputError as error:
        message = error.message.replace("is not what", "would not be what")
        raise OutputError(message, HINT) from error

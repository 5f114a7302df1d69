"""Encode the picture of a long film in segments: each is encoded separately, checked, and kept if the run fails."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path

from ifrplus_cli.errors import InputError, OutputError
from ifrplus_cli.pipeline.journal import Journal
from ifrplus_cli.stopping import StopRequest
from ifrplus_cli.values import Frame
from ifrplus_cli.video.reading.probe import read_segment
from ifrplus_cli.video.writing.encode import VideoEncoder
from ifrplus_cli.video.writing.encode_plan import EncodePlan
from ifrplus_cli.video.writing.mov_metadata import describe_segment

FRAMES = 250  # in each segment except the last one
HINT = "Choose another --codec."


def is_long(frames: int) -> bool:
    """Return whether a film with so many output frames is worth a job folder."""
    return frames > 2 * FRAMES


def join_segments(plan: EncodePlan, journal: Journal, path: Path) -> None:
    """Write the film from the finished segments of a journal.

    Raises:
        OutputError: if ffmpeg fails.
    """
    segments = journal.state.segments
    with VideoEncoder(plan, path) as encoder:
        encoder.join(journal.list_segments(), segments[0].start, segments[-1].last)


def check_segment(part: Path, plan: EncodePlan, journal: Journal, wanted: Sequence[Fraction]) -> str:
    """Read a written segment back before it is added to a journal, and return the checksum of its codec header.

    Args:
        wanted: the time of each of its frames in seconds, from the film's first frame.

    Raises:
        OutputError: if it is not what it must be, or can't be joined to those before it.
    """
    number, codec = len(journal.state.segments) + 1, plan.codec
    try:
        times, header = read_segment(part)
    except InputError as error:
        raise OutputError(f"Segment {number} can't be read back: {error.message}", HINT) from error
    unit = Fraction(1, plan.timing.time_base.denominator)
    if len(times) != len(wanted):
        raise OutputError(f"Segment {number} has {len(times)} frames instead of {len(wanted)}.", HINT)
    if any(abs(found - time) > unit / 2 for found, time in zip(times, wanted, strict=True)):
        raise OutputError(f"The frames of segment {number} have wrong times.", HINT)
    if any(segment.header != header for segment in journal.state.segments[:1]):
        raise OutputError(f"Segment {number}, encoded with {codec}, can't be joined to the ones before it.", HINT)
    return header


class SegmentEncoder:
    """Writes frames to segments of a journal; a context manager that leaves no process behind.

    While a segment is open, a request to stop is deferred: the segment would be lost.
    """

    def __init__(
        self,
        plan: EncodePlan,
        journal: Journal,
        stop: StopRequest,
        zero: Fraction | None = None,
        length: int | None = None,
    ) -> None:
        """
        Args:
            stop: is deferred while a segment is open.
            zero: time of the first frame of the film in seconds; None if the journal has it, or begins with it.
            length: number of frames in each segment except the last one; None for ``FRAMES``.
        """
        self._zero, self._length = zero, length or FRAMES
        self._plan, self._journal, self._stop = plan, journal, stop
        self._times: list[Fraction] = []
        self._open = ExitStack()

    def __enter__(self) -> SegmentEncoder:
        return self

    def __exit__(self, *exc: object) -> None:
        self._stop.deferred = False
        self._open.close()

    def write(self, frame: Frame) -> None:
        """Append one frame.

        Raises:
            OutputError: if a segment can't be written, or fails its check.
        """
        if not self._times:
            self._begin(frame.pts)
        self._encoder.write(frame)
        self._times.append(frame.pts)
        if len(self._times) == self._length:
            self._end()

    def finish(self) -> None:
        """End the film.

        Raises:
            OutputError: as ``write``.
        """
        if self._times:
            self._end()

    def _begin(self, pts: Fraction) -> None:
        segments = self._journal.state.segments
        if self._zero is None:
            self._zero = segments[0].start if segments else pts
        self._part = self._journal.next_part()
        self._open.callback(self._part.unlink, missing_ok=True)
        self._encoder = self._open.enter_context(VideoEncoder(self._plan, self._part, segment_of=self._zero))
        self._stop.deferred = True

    def _end(self) -> None:
        self._encoder.finish()
        describe_segment(self._part, self._plan)
        assert self._zero is not None
        wanted = [time - self._zero for time in self._times]
        header = check_segment(self._part, self._plan, self._journal, wanted)
        self._journal.add(self._part, len(self._times), self._times[0], self._times[-1], header)
        self._times.clear()
        self._open.close()
        self._stop.deferred = False

"""On a worker: make the frames of a section, encode them in segments, and hand these back."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import islice
from pathlib import Path

from ifrplus_cli.cluster.loading import load_network
from ifrplus_cli.cluster.order import Counts, MadeSection, MadeSegment, Order, Read
from ifrplus_cli.cluster.sections import Reading, Section, begun_at, counted
from ifrplus_cli.errors import InputError, StrayError
from ifrplus_cli.frames.duplicates import settled_frame
from ifrplus_cli.pipeline.encoding import Encoded, Part, encode_frames
from ifrplus_cli.pipeline.filler import FilledSlot
from ifrplus_cli.pipeline.journal import Journal
from ifrplus_cli.pipeline.run_record import RunRecord
from ifrplus_cli.pipeline.segments import SegmentEncoder
from ifrplus_cli.pipeline.sharpness import Sharpness
from ifrplus_cli.pipeline.slots import Wanted
from ifrplus_cli.pipeline.stage_clock import StageClock
from ifrplus_cli.pipeline.tally import Tally
from ifrplus_cli.source import FrameReader
from ifrplus_cli.stopping import StopRequest
from ifrplus_cli.values import ClipInfo, Frame
from ifrplus_cli.video.reading.decode import decode
from ifrplus_cli.video.reading.film_piece import piece_of


def make_section(order: Order, scratch: Path, ask: Callable[[], None] = lambda: None) -> MadeSection:
    """Make a section; nothing is left in the scratch folder.

    Where the frames are not those that the packets state, or ffmpeg complains, the film is decoded from its start.

    Args:
        scratch: folder in which a temporary folder may be made.
        ask: called with each frame; raises an exception if the section is no longer wanted.

    Raises:
        IfrplusError: if anything fails.
    """
    _check_source(order)
    with tempfile.TemporaryDirectory(prefix="ifrplus-", dir=scratch) as folder:
        astray = ""
        for number, reading in enumerate(_readings(order, Path(folder))):
            try:
                return _made(order, reading, Path(folder) / str(number), ask)
            except StrayError as stray:
                astray = stray.message
            except InputError as error:
                if not reading.checked:
                    raise
                astray = error.message
    return MadeSection(order.section.number, astray=astray)


def _check_source(order: Order) -> None:
    if order.source is not None:
        order.source.check_unchanged()


def _readings(order: Order, folder: Path) -> Iterator[Reading]:
    """Yield the reading, and one of the same frames that are decoded from the start of the film, unless it is."""
    reading = order.reading
    if order.piece is not None:
        path = folder / "piece.nut"
        path.write_bytes(order.piece)
        yield replace(reading, job=replace(reading.job, clip=piece_of(reading.job.clip, path)))
        return
    yield reading
    section = reading.job.clip.section
    if section is not None and not section.counted and reading.number:
        yield replace(reading, job=replace(reading.job, clip=counted(reading.job.clip)))


def _made(order: Order, reading: Reading, folder: Path, ask: Callable[[], None]) -> MadeSection:
    """Make the section from the frames of a reading; the folder holds its segments."""
    section, reading = order.section, _settled(reading)
    job, clip = reading.job, reading.job.clip
    journal, times, sharpness = Journal.of(folder, {}), list[Fraction](), Sharpness()
    record = RunRecord(order.start, clip.pixel_format) if order.records else None
    tally = SectionTally(clip, section, reading.place, record)
    encoder = SegmentEncoder(job.encode, journal, StopRequest(), order.zero, order.segment_frames)

    def written(frame: Frame) -> None:
        times.append(frame.pts)
        ask()

    encoded = encode_frames(
        job,
        load_network(order.network),
        encoder,
        part=Part(_wanted(section, reading.place), reading.number),
        clock=StageClock(),
        watchers=[tally.add],
        written=written,
        room=folder.parent,
        keeps_seen=order.records,
        sharpness=sharpness,
        check=checker(clip, to_end=section.end is None) if reading.checked else lambda _, frames: frames,
    )
    if reading.checked:
        _refuse_strays(clip, encoded.reader)
    _check_source(order)
    segments = tuple(_segments(journal, iter(times)))
    counts = _counts(tally, encoded, reading)
    return MadeSection(section.number, segments, counts, sharpness=sharpness, record=record)


def _wanted(section: Section, place: int) -> Wanted:
    end = None if section.end is None else section.end - place
    if section.writes:
        return Wanted(section.begin - place, end)
    return Wanted(sys.maxsize, end)


def _settled(reading: Reading) -> Reading:
    """Return the reading from the frame on at which repeats begin again.

    Raises:
        StrayError: if there is none.
    """
    if not reading.settle:
        return reading
    job = reading.job
    with decode(job.clip, upright=job.encode.upright) as decoder:
        checked = checker(job.clip, to_end=False)(decoder, iter(decoder))
        found = settled_frame(islice(checked, reading.settle), job.clip.pixel_format)
    if found is None and reading.number:
        raise StrayError("No frame near the section differs from all those before it.")
    return begun_at(reading, found or 0)


def checker(clip: ClipInfo, *, to_end: bool) -> Callable[[FrameReader, Iterator[Frame]], Iterator[Frame]]:
    """Return a function that passes frames on if they have the times that the clip states.

    Args:
        to_end: whether the film must end with the last of them.
    """

    def checked(reader: FrameReader, frames: Iterator[Frame]) -> Iterator[Frame]:
        count, expected = 0, clip.packet_pts
        for frame in frames:
            wanted = expected[count] * clip.time_base if count < len(expected) else None
            if frame.pts != wanted and (wanted is not None or to_end):
                raise StrayError(f"{clip.path.name} has no packet of the frame at {float(frame.pts):.3f} s.")
            _refuse_strays(clip, reader)
            count += 1
            yield frame
        if count < len(expected):
            raise StrayError(f"{clip.path.name} has fewer frames than packets.")

    return checked


def _refuse_strays(clip: ClipInfo, reader: FrameReader) -> None:
    """Refuse frames that the decoder had to repair, or to fit: what came before them would have to be known."""
    if reader.complaints or reader.repaired_times or reader.size_changes:
        raise StrayError(f"{clip.path.name} is damaged, or changes its size, or lacks times.")


class SectionTally:
    """Counts the slots that begin in a section, and the made frames that are in it.

    Attributes:
        made: number of frames that a network makes in the section, in this run or an earlier one.
    """

    def __init__(self, clip: ClipInfo, section: Section, place: int, record: RunRecord | None = None) -> None:
        """
        Args:
            clip: the source, from the first frame that is read.
            place: number of output frames before that frame.
            record: sees the same slots, for a report.
        """
        self._record = record
        self.counts = Tally(clip)
        self.made = 0
        self._section, self._place = section, place

    def add(self, filled: FilledSlot) -> None:
        """Count a slot; slots must come in order."""
        begin = self._section.begin - self._place
        end = None if self._section.end is None else self._section.end - self._place
        if begin <= 0 and (end is None or end > 0):
            self.counts.add(filled)
            if self._record:
                self._record.see_slot(filled)
        elif self._record and filled.made:
            self._record.see_rest(filled)
        self.made += len(filled.slot.made_within(begin, end))
        self._place += len(filled.slot.ticks)


def _counts(tally: SectionTally, encoded: Encoded, reading: Reading) -> Counts:
    counts, reader = tally.counts, encoded.reader
    read = Read(reader.frames, reader.complaints, reader.repaired_times, tuple(reader.size_changes))
    return Counts(
        pairs=counts.pairs,
        made=tally.made,
        smoothed=counts.smoothed,
        covered=encoded.covered,
        cuts=tuple(counts.cuts),
        seam=counts.seam and counts.seam.value,
        read=None if reading.checked else read,
    )


def _segments(journal: Journal, times: Iterator[Fraction]) -> Iterator[MadeSegment]:
    for number, segment in enumerate(journal.state.segments):
        content = journal.path_of(number).read_bytes()
        yield MadeSegment(tuple(islice(times, segment.frames)), content, segment.sha256)

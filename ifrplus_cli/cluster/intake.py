"""On the client: check the sections that come back, add their segments to the journal, and sum up what they count."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from ifrplus_cli.cluster.order import Counts, MadeSection, MadeSegment, Read
from ifrplus_cli.cluster.sections import Section, times_of
from ifrplus_cli.errors import ClusterError, OutputError
from ifrplus_cli.pipeline.disk_space import watch_room
from ifrplus_cli.pipeline.job import Job
from ifrplus_cli.pipeline.journal import Journal, Totals
from ifrplus_cli.pipeline.notes import notes_on, seam_notes
from ifrplus_cli.pipeline.run_record import RunRecord
from ifrplus_cli.pipeline.segments import check_segment
from ifrplus_cli.pipeline.sharpness import Sharpness
from ifrplus_cli.values import PairKind


class Intake:
    """Takes sections in order.

    Attributes:
        made: number of frames that the network has made in this run.
    """

    def __init__(
        self,
        job: Job,
        journal: Journal,
        length: int,
        sharpness: Sharpness | None = None,
        record: RunRecord | None = None,
    ) -> None:
        """
        Args:
            job: the job of the whole film.
            length: number of frames in a segment.
            sharpness: gets the samples of all sections.
            record: gets the data of all sections for a report.
        """
        self._sharpness, self._record = sharpness, record
        self.made = 0
        self._job, self._journal, self._length = job, journal, length
        self._counts: list[Counts] = []

    def take(self, section: Section, made: MadeSection) -> None:
        """Add a section's segments to the journal.

        Raises:
            ClusterError: if it is not what was ordered; the journal keeps the segments before the faulty one.
            OutputError: if a segment can't be stored here.
        """
        if made.number != section.number or made.counts is None:
            raise ClusterError(f"Another section than number {section.number + 1} came back.")
        if section.writes:
            self._check_frames(section, made)
            place = section.begin
            for segment in made.segments:
                if place == self._journal.frames:  # the others were added before one was found to be faulty
                    self._add(segment)
                place += len(segment.times)
            self.made += made.counts.made
        self._counts.append(made.counts)
        if self._sharpness:
            self._sharpness.add(made.sharpness)
        if self._record and made.record:
            self._record.add(made.record)

    def _check_frames(self, section: Section, made: MadeSection) -> None:
        times = [time for segment in made.segments for time in segment.times]
        lengths = [len(segment.times) for segment in made.segments]
        before = [segment.last for segment in self._journal.state.segments[-1:]]
        ordered = all(one < other for one, other in pairwise([*before, *times]))
        full = all(length == self._length for length in lengths[:-1])
        if section.whole:  # a damaged film may end sooner than its packets
            shorter = section.end is None or len(times) <= section.end - section.begin
            fits = ordered and full and shorter and (not times or section.begin <= self._journal.frames)
        else:
            fits = full and times == list(times_of(self._job, section))
        if not fits:
            raise ClusterError(f"Section {section.number + 1} came back with other frames than were ordered.")

    def _add(self, segment: MadeSegment) -> None:
        number = len(self._journal.state.segments) + 1
        if hashlib.sha256(segment.content).hexdigest() != segment.sha256:
            raise ClusterError(f"Segment {number} was damaged on its way.")
        watch_room(self._journal.folder.parent)
        part = self._journal.write_part(segment.content)
        try:
            zero = next((each.start for each in self._journal.state.segments), segment.times[0])
            wanted = [time - zero for time in segment.times]
            header = self._header(part, wanted)
            self._journal.add(part, len(segment.times), segment.times[0], segment.times[-1], header)
        finally:
            part.unlink(missing_ok=True)

    def _header(self, part: Path, wanted: Sequence[Fraction]) -> str:
        """Check a segment's file, and return the checksum of its codec header; what is wrong is the worker's fault."""
        try:
            return check_segment(part, self._job.encode, self._journal, wanted)
        except OutputError as fault:
            raise ClusterError(fault.message, fault.hint) from fault

    def totals(self) -> Totals:
        """Return the totals of all sections."""
        counts, job = self._counts, self._job
        pairs = sum((Counter(each.pairs) for each in counts), Counter[str]())
        read = counts[-1].read or Read(len(job.clip.packet_pts))
        seam = counts[-1].seam
        smoothed, covered = (sum(getattr(each, name) for each in counts) for name in ("smoothed", "covered"))
        notes = [
            *notes_on(job.clip, read, smoothed=smoothed, covered=covered, codec=job.encode.codec),
            *seam_notes(job.clip, None if seam is None else PairKind(seam)),
        ]
        segments = self._journal.state.segments
        return Totals(
            frames_in=read.frames,
            frames_out=self._journal.frames,
            made=sum(each.made for each in counts),
            pairs={kind.value: pairs[kind.value] for kind in PairKind},
            start=segments[0].start,
            last=segments[-1].last,
            notes=tuple(notes),
            cuts=tuple(cut for each in counts for cut in each.cuts),
        )

"""The job folder of a long run: finished segments of the picture, and a record that describes them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from math import floor
from pathlib import Path
from typing import Any

from ifrplus_cli.errors import InputError, OutputError
from ifrplus_cli.files import sha256_of, unwritable
from ifrplus_cli.frames.cut_list import Cut
from ifrplus_cli.system import flush
from ifrplus_cli.values import HALF

FORMAT = 2  # of the record
RECORD, SEGMENT_LIST, SUFFIX = "record.json", "segments.txt", ".ifrplus"
STORING = {"ifrplus", "ffmpeg", "container"}  # terms that decide how finished frames are stored, not how they look


@dataclass(frozen=True)
class Segment:
    """A finished segment.

    Attributes:
        frames: number of frames in it.
        start, last: times of its first and last frame in seconds.
        size, sha256: size in bytes and checksum of its file.
        header: checksum of its codec header (ffprobe's extradata): the same in all segments of a film.
    """

    frames: int
    start: Fraction
    last: Fraction
    size: int
    sha256: str
    header: str


@dataclass(frozen=True)
class Totals:
    """The totals of all frames of a film.

    Attributes:
        made: number of frames that the network made.
        pairs: number of pairs of each kind.
        start, last: times of the first and the last output frame in seconds.
        notes: notes on the source, for a person to read.
        cuts: the cuts that were detected or given.
    """

    frames_in: int
    frames_out: int
    made: int
    pairs: dict[str, int]
    start: Fraction
    last: Fraction
    notes: tuple[str, ...]
    cuts: tuple[Cut, ...] = ()


@dataclass(frozen=True)
class JournalState:
    """The content of a journal.

    Attributes:
        terms: everything that affects the frames, under names that a person understands.
        totals: None until the last frame is in a segment.
    """

    terms: Mapping[str, str]
    segments: tuple[Segment, ...] = ()
    totals: Totals | None = None


class Journal:
    """A job folder; it appears with the first segment, and only its owner can read it."""

    def __init__(self, folder: Path, state: JournalState) -> None:
        self.folder = folder
        self.state = state

    @classmethod
    def of(cls, output: Path, terms: Mapping[str, str]) -> Journal:
        """Return the journal of a new run; nothing is written yet."""
        return cls(folder_of(output), JournalState(terms))

    @classmethod
    def read(cls, folder: Path) -> Journal:
        """Return the journal that an earlier run left.

        Raises:
            OutputError: if it can't be read.
        """
        try:
            return cls(folder, _state(json.loads((folder / RECORD).read_text("utf-8"))))
        except (OSError, ValueError, TypeError, KeyError, AttributeError, ArithmeticError, RecursionError) as error:
            raise OutputError(
                f"The run in {folder} can't be continued: its record is missing or damaged.", "Start over with -y."
            ) from error

    @property
    def frames(self) -> int:
        """Number of output frames in finished segments."""
        return sum(segment.frames for segment in self.state.segments)

    def check_terms(self, terms: Mapping[str, str]) -> None:
        """Refuse to continue a run that would make different frames; once all are made, terms of storing may differ.

        Raises:
            InputError: naming all differences.
        """
        before = self.state.terms
        free = STORING if self.state.totals is not None else ()
        differences = [
            f"{name} was {before.get(name, 'not stated')} and is {terms.get(name, 'not stated')}"
            for name in dict.fromkeys((*before, *terms))
            if name not in free and before.get(name) != terms.get(name)
        ]
        if differences:
            raise InputError(
                f"The run in {self.folder} can't be continued: {'; '.join(differences)}.",
                "Use the same options and the same source with --resume, or start over with -y instead.",
            )

    def drop_damaged(self) -> int:
        """Drop the first segment that has changed since it was finished, and all after it; return their number."""
        kept = []
        for number, segment in enumerate(self.state.segments):
            path = self.path_of(number)
            if not path.is_file() or path.stat().st_size != segment.size or sha256_of(path) != segment.sha256:
                break
            kept.append(segment)
        dropped = len(self.state.segments) - len(kept)
        if dropped:
            self._write(replace(self.state, segments=tuple(kept), totals=None))
        return dropped

    def path_of(self, number: int) -> Path:
        """Return the file of a segment, counted from 0."""
        return self.folder / f"{number:06}.segment"

    def next_part(self) -> Path:
        """Return the path at which the next segment is written before it is added."""
        path = self.path_of(len(self.state.segments))
        part = path.with_name(f"{path.name}.part")
        try:
            self.folder.mkdir(mode=0o700, exist_ok=True)
            part.unlink(missing_ok=True)  # an ffmpeg of a killed run may still be writing there
        except OSError as error:
            raise unwritable(self.folder, error) from error
        return part

    def write_part(self, content: bytes) -> Path:
        """Write a segment that was made elsewhere to the path of ``next_part``, and return that.

        Raises:
            OutputError: if it can't be written.
        """
        part = self.next_part()
        self._storing(part.write_bytes, content)
        return part

    def add(self, part: Path, frames: int, start: Fraction, last: Fraction, header: str) -> None:
        """Add a written and checked segment; from then on it survives a power cut.

        Args:
            part: its file, which is renamed.
            frames, start, last, header: as in ``Segment``.

        Raises:
            OutputError: if it can't be stored.
        """
        segment = Segment(frames, start, last, part.stat().st_size, sha256_of(part), header)
        self._storing(part.replace, self.path_of(len(self.state.segments)), synced=part)
        self._write(replace(self.state, segments=(*self.state.segments, segment)))

    def finish(self, totals: Totals) -> None:
        """Record that the last frame is in a segment.

        Raises:
            OutputError: if it can't be stored.
        """
        self._write(replace(self.state, totals=totals))

    def list_segments(self) -> Path:
        """Write a concat script of all segments beside them, and return its path.

        ffmpeg places each file at the end of the one before, in microseconds. If the length of a file is the distance
        from its start to the next one, rounded as ffmpeg rounds a start, all frames keep their times.
        """
        zero = self.state.segments[0].start
        starts = [floor((segment.start - zero) * 1_000_000 + HALF) for segment in self.state.segments]
        lengths = [after - before for before, after in zip(starts, [*starts[1:], starts[-1] + 1], strict=True)]
        lines = ["ffconcat version 1.0"]
        for number, length in enumerate(lengths):
            lines += [f"file {self.path_of(number).name}", f"duration {length // 1_000_000}.{length % 1_000_000:06}"]
        script = self.folder / SEGMENT_LIST
        self._storing(lambda: script.write_text("\n".join(lines) + "\n"))
        return script

    def discard(self) -> None:
        """Delete everything that belongs in a job folder, and the folder itself if nothing else is in it."""
        with suppress(OSError):
            for path in (*self.folder.glob("*.segment"), *self.folder.glob("*.part")):
                path.unlink()
            for name in (RECORD, SEGMENT_LIST):
                (self.folder / name).unlink(missing_ok=True)
            self.folder.rmdir()

    def _write(self, state: JournalState) -> None:
        part = self.folder / f"{RECORD}.part"
        text = json.dumps({"format": FORMAT, **asdict(state)}, default=str, indent=1)
        self._storing(lambda: part.write_text(text, "utf-8"))
        self._storing(part.replace, self.folder / RECORD, synced=part)
        self.state = state

    def _storing(self, action: Any, *arguments: Any, synced: Path | None = None) -> None:
        try:
            if synced is not None:
                flush(synced)
            action(*arguments)
            flush(self.folder)
        except OSError as error:
            raise OutputError(
                f"{self.folder} can't be written: {error.strerror}.", f"Free some space for {self.folder.parent}."
            ) from error


def folder_of(output: Path) -> Path:
    """Return the job folder of an output."""
    return output.with_name(f"{output.name}{SUFFIX}")


def _state(found: dict[str, Any]) -> JournalState:
    """Return a state from its JSON form."""
    if found["format"] != FORMAT:
        raise ValueError("another format")
    totals = found["totals"]
    return JournalState(
        terms={str(name): str(value) for name, value in found["terms"].items()},
        segments=tuple(_segment(segment) for segment in found["segments"]),
        totals=totals and _totals(totals),
    )


def _segment(found: dict[str, Any]) -> Segment:
    counted = {name: int(found[name]) for name in ("frames", "size")}
    if min(counted.values()) < 1:
        raise ValueError("a segment without a frame")
    return Segment(**{**found, **counted, **_times(found)})


def _totals(found: dict[str, Any]) -> Totals:
    cuts = tuple(_cut(cut) for cut in found["cuts"])
    counted = {name: int(found[name]) for name in ("frames_in", "frames_out", "made")}
    pairs = {str(kind): int(count) for kind, count in found["pairs"].items()}
    notes = tuple(map(str, found["notes"]))
    return Totals(**{**found, **counted, **_times(found), "pairs": pairs, "notes": notes, "cuts": cuts})


def _cut(found: dict[str, Any]) -> Cut:
    score = found["score"]
    return Cut(int(found["frame"]), Fraction(found["time"]), None if score is None else float(score))


def _times(found: dict[str, Any]) -> dict[str, Fraction]:
    return {name: Fraction(found[name]) for name in ("start", "last")}

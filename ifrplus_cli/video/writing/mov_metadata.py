"""What ffmpeg leaves out of an mp4 or mov that it writes, put into the finished file: keys of phones, boxes of makers,
how the picture is wrapped around the viewer, descriptions of timed metadata, languages, the start of the first chapter.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from ifrplus_cli.values import StreamInfo
from ifrplus_cli.video.ffprobe import ask_ffprobe
from ifrplus_cli.video.formats.boxes import Box, change_moov, changed, inside, read_boxes, read_moov, stored
from ifrplus_cli.video.formats.containers import MOV, MP4
from ifrplus_cli.video.formats.kept_tags import lost_tags
from ifrplus_cli.video.formats.metadata_keys import Key, read_keys, shown_keys, text_keys, with_keys, with_maker_boxes
from ifrplus_cli.video.formats.stereo import projection_box, stereo_box
from ifrplus_cli.video.writing.encode_plan import EncodePlan

PICTURE_FIELDS = 78  # bytes of a picture's sample entry before the boxes in it
SAMPLE_TABLE = (b"mdia", b"minf", b"stbl")
NO_LANGUAGE = b"\x7f\xff"  # in a mov
SPHERICAL_XML = bytes.fromhex("ffcc8263f8554a938814587a02521fdd")  # a box of its own before there was sv3d
# Headers of a track's media, of which each kind has its own.
MEDIA_INFO = {b"gmhd", b"nmhd", b"smhd", b"vmhd", b"sthd"}


@dataclass(frozen=True)
class SourceBoxes:
    """The boxes of a source that is an mp4 or mov: its ``moov``, and its tracks in the order of ffmpeg's streams."""

    moov: bytes = b""

    @property
    def tracks(self) -> list[bytes]:
        return [box.payload for box in read_boxes(self.moov) if box.kind == b"trak"]

    def track(self, index: int) -> bytes:
        """Of a stream; empty where the source is no such file."""
        return self.tracks[index] if index < len(self.tracks) else b""


def complete_mov(path: Path, plan: EncodePlan) -> None:
    """Add to a finished mp4 or mov what the source says and ffmpeg did not write.

    What can't be added stays out, and is named with all else that the file lacks.
    """
    clip = plan.clip
    source = SourceBoxes((read_moov(clip.path) or b"") if "mov" in clip.container else b"")
    tags, own_keys = dict(clip.description.tags), read_keys(source.moov)
    may_lack = bool(lost_tags(tags, {}) or own_keys)  # most films have none, and to ask takes a process
    written = ask_ffprobe(path)["format"].get("tags", {}) if may_lack else {}
    keys = [*text_keys(lost_tags(tags, written)), *shown_keys(own_keys, tags, written)]
    with suppress(ValueError):
        change_moov(path, lambda moov: _completed(moov, plan, source, keys))


def describe_segment(path: Path, plan: EncodePlan) -> None:
    """Add to a segment how its picture is wrapped around the viewer: ffmpeg hands it on to a Matroska file."""
    added = projection_box(plan.clip.description.projection)
    if added and plan.container not in (MP4, MOV):
        change_moov(path, lambda moov: changed(moov, (b"trak",), lambda track: _with_entry_boxes(track, added)))


def _completed(moov: bytes, plan: EncodePlan, source: SourceBoxes, keys: list[Key]) -> bytes:
    picture, others = plan.clip.stream_index, [carried.stream for carried in plan.carried]
    scale = _scale(inside(moov, b"mvhd") or b"")
    boxes, number = [], 0
    for box in read_boxes(moov):
        if box.kind == b"trak":
            track = box.payload
            if number == 0:
                track = _picture_track(track, plan, source.track(picture))
            elif number <= len(others):
                track = _other_track(track, others[number - 1], source)
            elif _handler(track) == b"text" and number > len(others):
                track = _chapter_track(track, _first_chapter(plan), scale)
            boxes.append(Box(box.kind, track))
            number += 1
        else:
            boxes.append(box)
    return with_keys(with_maker_boxes(stored(boxes), source.moov), keys)


def _picture_track(track: bytes, plan: EncodePlan, source: bytes) -> bytes:
    """With what the source's own track says of the picture."""
    described = plan.clip.description
    added = [*projection_box(described.projection), *stereo_box(described.stereo)]
    if not plan.upright and (plan.width, plan.height) == (plan.stored_width, plan.stored_height):
        added += [box for box in _entry_boxes(source) if box.kind == b"clap"]
    track = _with_entry_boxes(track, added)
    spherical = [box for box in read_boxes(source) if box.kind == b"uuid" and box.payload[:16] == SPHERICAL_XML]
    track = _with_language(track, described.language)
    return with_keys(with_maker_boxes(track, source) + stored(spherical), read_keys(source))


def _entry_boxes(track: bytes) -> list[Box]:
    entries = read_boxes((inside(track, *SAMPLE_TABLE, b"stsd") or b"")[8:])
    return read_boxes(entries[0].payload[PICTURE_FIELDS:]) if entries else []


def _with_entry_boxes(track: bytes, added: list[Box]) -> bytes:
    known = {box.kind for box in _entry_boxes(track)}
    new = stored(box for box in added if box.kind not in known)

    def described(payload: bytes) -> bytes:
        first, *others = read_boxes(payload[8:])
        entry = first.payload[:PICTURE_FIELDS] + new + first.payload[PICTURE_FIELDS:]
        return payload[:8] + stored([Box(first.kind, entry), *others])

    return changed(track, (*SAMPLE_TABLE, b"stsd"), described) if new else track


def _other_track(track: bytes, stream: StreamInfo, source: SourceBoxes) -> bytes:
    track = _with_language(track, stream.language)
    if stream.kind == "data":
        return _data_track(track, source.track(stream.index))
    if stream.kind == "subtitle":
        # ffmpeg has one track of each kind enabled: subtitles would be shown that were not.
        enabled = "default" in stream.dispositions
        return changed(track, (b"tkhd",), lambda head: head[:3] + bytes([head[3] & ~1 | enabled]) + head[4:])
    return track


def _with_language(track: bytes, language: str) -> bytes:
    """With its language: for .mov ffmpeg writes only those that Macintosh had numbers for.

    Others are packed, as in mp4: five bits a letter (ISO/IEC 14496-12, 8.4.2; QuickTime File Format, language codes).
    """
    if not re.fullmatch("[a-z]{3}", language):
        return track
    first, second, third = (ord(letter) - 0x60 for letter in language)
    packed = struct.pack(">H", first << 10 | second << 5 | third)

    def with_language(head: bytes) -> bytes:
        place = 32 if head[:1] == b"\1" else 20
        unstated = head[place : place + 2] == NO_LANGUAGE
        return head[:place] + packed + head[place + 2 :] if unstated else head

    return changed(track, (b"mdia", b"mdhd"), with_language)


def _data_track(track: bytes, source: bytes) -> bytes:
    """With the source's own words on what its samples are: ffmpeg describes no kind that it does not know."""
    if not source:
        return track
    for path in ((b"mdia", b"hdlr"), (*SAMPLE_TABLE, b"stsd")):
        if (own := inside(source, *path)) is not None:
            track = changed(track, path, _always(own))
    header = [box for box in read_boxes(inside(source, b"mdia", b"minf") or b"") if box.kind in MEDIA_INFO]
    track = changed(
        track,
        (b"mdia", b"minf"),
        lambda minf: stored([*header, *(box for box in read_boxes(minf) if box.kind not in MEDIA_INFO)]),
    )
    references = inside(source, b"tref")
    described = bool(references) and inside(references or b"", b"cdsc") is not None
    return track + Box(b"tref", Box(b"cdsc", struct.pack(">I", 1)).stored).stored if described else track


def _always(payload: bytes) -> Callable[[bytes], bytes]:
    return lambda _: payload


def _first_chapter(plan: EncodePlan) -> Fraction:
    """When the first chapter starts, in seconds of the output."""
    starts = [chapter.start for chapter in plan.clip.chapters]
    return max(Fraction(0), (min(starts) - plan.origin) * plan.stretch) if starts else Fraction(0)


def _chapter_track(track: bytes, start: Fraction, scale: int) -> bytes:
    """Chapters that begin late: ffmpeg makes the first of them begin at zero, and last until the second one."""
    late, ticks = (round(start * unit) for unit in (scale, _scale(inside(track, b"mdia", b"mdhd") or b"")))
    edits, lengths = inside(track, b"edts", b"elst"), _read_lengths(inside(track, *SAMPLE_TABLE, b"stts") or b"")
    if ticks <= 0 or not edits or not lengths or edits[:8] != struct.pack(">2I", 0, 1):
        return track
    duration, media_time, speed = struct.unpack_from(">IiI", edits, 8)
    if media_time != 0 or lengths[0] <= ticks or duration <= late:
        return track
    lengths[0] -= ticks
    lengths[-1] += ticks  # behind the end of the edit: the track's own length stays
    listed = struct.pack(">2I", 0, 2) + struct.pack(">IiIIiI", late, -1, speed, duration - late, 0, speed)
    table = struct.pack(">2I", 0, len(lengths)) + b"".join(struct.pack(">2I", 1, length) for length in lengths)
    track = changed(track, (b"edts", b"elst"), _always(listed))
    return changed(track, (*SAMPLE_TABLE, b"stts"), _always(table))


def _read_lengths(table: bytes) -> list[int]:
    """How long each sample lasts, from a ``stts`` box."""
    runs = struct.iter_unpack(">2I", table[8 : 8 + (len(table) - 8) // 8 * 8])
    return [length for count, length in runs for _ in range(count)]


def _handler(track: bytes) -> bytes:
    return (inside(track, b"mdia", b"hdlr") or b"")[8:12]


def _scale(header: bytes) -> int:
    """Ticks a second, from a ``mvhd`` or ``mdhd`` box."""
    return int(struct.unpack_from(">I", header, 20 if header[:1] == b"\1" else 12)[0]) if len(header) >= 24 else 1

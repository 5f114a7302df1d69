"""Detect files that end too early, as an incomplete download does: before the time in their header, or in a part."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

from ifrplus_cli.values import ClipInfo
from ifrplus_cli.video.packets import packet_span

HEADED = ("matroska", "mov", "flv", "avi", "asf", "mxf")  # demuxers whose files state how long they last
PACKETS = ((188, 188), (192, 188), (204, 204))  # bytes from one sync byte to the next, and from the last to the end
SYNC = 0x47
SYNCS_SEEN = 8  # at the end of a file: so many at equal distances are no chance
RIFF, NO_LENGTH = b"RIFF", 0xFFFFFFFF
OGG, PAGE_HEADER, LONGEST_PAGE = b"OggS", 27, 27 + 255 + 255 * 255  # bytes
MISSING = Fraction(1, 5)  # seconds: a larger gap is not just streams that end at different times


def cut_short_notes(clip: ClipInfo, header: dict[str, Any]) -> tuple[str, ...]:
    """Return a sentence if no stream reaches the end that the header states, or the file ends within a part of it.

    Args:
        header: ffprobe's answer on the file.
    """
    if notes := _broken_part_notes(clip):
        return notes
    duration = header["format"].get("duration")
    if duration is None or clip.source.plays is not None or not clip.container.startswith(HEADED):
        return ()
    stated, begin = Fraction(duration), Fraction(header["format"].get("start_time", "0"))
    # Matroska states the time of the end, other containers the length.
    end = stated - MISSING if clip.container.startswith("matroska") else begin + stated - MISSING
    if clip.end >= end or any(_reaches(clip, stream.index, end) for stream in clip.streams):
        return ()
    return (
        f"{clip.path.name} ends early: its header states {float(stated):.2f} s, but it has {float(clip.duration):.2f} "
        "s. It may be an incomplete download.",
    )


def _reaches(clip: ClipInfo, index: int, end: Fraction) -> bool:
    span = packet_span(clip, index)
    return span is not None and span[1] >= end


def _broken_part_notes(clip: ClipInfo) -> tuple[str, ...]:
    if clip.container not in PARTS:
        return ()
    part, is_broken, why = PARTS[clip.container]
    if not is_broken(clip.path):
        return ()
    return (
        f"{clip.path.name} ends within a {part}, after {float(clip.duration):.2f} s. "
        f"It may be an incomplete download{why}.",
    )


def ends_within_packet(path: Path) -> bool:
    """Return whether the last packet of a transport stream is incomplete; False if its end has no packets at all."""
    with path.open("rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - SYNCS_SEEN * max(PACKETS)[0]))
        tail = file.read()
    for step, whole in PACKETS:
        for first in range(step):
            syncs = tail[first::step]
            if len(syncs) >= SYNCS_SEEN and not syncs.strip(bytes([SYNC])):
                return len(tail) - (first + (len(syncs) - 1) * step) != whole
    return False


def ends_within_chunk(path: Path) -> bool:
    """Return whether a RIFF file, as .avi is, ends before the chunks that it consists of."""
    size, start = path.stat().st_size, 0
    with path.open("rb") as file:
        while start + 8 <= size:
            file.seek(start)
            kind, length = struct.unpack("<4sI", file.read(8))
            if kind != RIFF or length == NO_LENGTH:
                return False
            if start + 8 + length > size:
                return True
            start += 8 + length + length % 2
    return False


def ends_within_page(path: Path) -> bool:
    """Return whether the last page of an Ogg file is incomplete."""
    with path.open("rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - LONGEST_PAGE))
        tail = file.read()
    page = tail[tail.rfind(OGG) :] if OGG in tail else b""
    lengths = page[PAGE_HEADER : PAGE_HEADER + page[PAGE_HEADER - 1]] if len(page) >= PAGE_HEADER else b""
    return bool(page) and len(page) < PAGE_HEADER + len(lengths) + sum(lengths)


# What files consist of that state no length, or none that ffmpeg tells, by demuxer; whether the last one is broken.
PARTS: dict[str, tuple[str, Callable[[Path], bool], str]] = {
    "mpegts": ("packet", ends_within_packet, ": a transport stream does not state how long it should be"),
    "avi": ("chunk", ends_within_chunk, ""),
    "ogg": ("page", ends_within_page, ""),
}

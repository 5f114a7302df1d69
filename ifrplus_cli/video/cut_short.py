"""Detect files that end too early, as an incomplete download does: before the time in their header, or in a packet."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path
from typing import Any

from ifrplus_cli.values import ClipInfo
from ifrplus_cli.video.packets import packet_span

HEADED = ("matroska", "mov", "flv", "avi", "asf", "mxf")  # demuxers whose files state how long they last
TRANSPORT = "mpegts"  # its files state no length, but consist of whole packets
PACKETS = ((188, 188), (192, 188), (204, 204))  # bytes from one sync byte to the next, and from the last to the end
SYNC = 0x47
SYNCS_SEEN = 8  # at the end of a file: so many at equal distances are no chance
MISSING = Fraction(1, 5)  # seconds: a larger gap is not just streams that end at different times


def cut_short_notes(clip: ClipInfo, header: dict[str, Any]) -> tuple[str, ...]:
    """Return a sentence if no stream reaches the end that the header states, or a transport stream ends in a packet.

    Args:
        header: ffprobe's answer on the file.
    """
    if clip.container == TRANSPORT:
        return _broken_packet_notes(clip)
    duration = header["format"].get("duration")
    if duration is None or clip.source.plays is not None or not clip.container.startswith(HEADED):
        return ()
    stated, begin = Fraction(duration), Fraction(header["format"].get("start_time", "0"))
    end = begin + stated - MISSING
    if clip.end >= end or any(_reaches(clip, stream.index, end) for stream in clip.streams):
        return ()
    return (
        f"{clip.path.name} ends early: its header states {float(stated):.2f} s, but it has {float(clip.duration):.2f} "
        "s. It may be an incomplete download.",
    )


def _reaches(clip: ClipInfo, index: int, end: Fraction) -> bool:
    span = packet_span(clip, index)
    return span is not None and span[1] >= end


def _broken_packet_notes(clip: ClipInfo) -> tuple[str, ...]:
    if not ends_within_packet(clip.path):
        return ()
    return (
        f"{clip.path.name} ends within a packet, after {float(clip.duration):.2f} s. It may be an incomplete download: "
        "a transport stream does not state how long it should be.",
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

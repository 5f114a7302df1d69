"""Files that end before their own header says, as half a download does."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from ifrplus_cli.values import ClipInfo
from ifrplus_cli.video.packets import packet_span

HEADED = ("matroska", "mov", "flv", "avi", "asf", "mxf")  # demuxers whose files state how long they last
MISSING = Fraction(1, 5)  # seconds that are more than how streams end


def cut_short_notes(clip: ClipInfo, header: dict[str, Any]) -> tuple[str, ...]:
    """A sentence with both lengths, where no stream reaches the end that the header states.

    Args:
        header: ffprobe's answer on the file.
    """
    told = header["format"].get("duration")
    if told is None or clip.source.plays is not None or not clip.container.startswith(HEADED):
        return ()
    stated, begin = Fraction(told), Fraction(header["format"].get("start_time", "0"))
    end = begin + stated - MISSING
    if clip.end >= end or any(_reaches(clip, stream.index, end) for stream in clip.streams):
        return ()
    return (
        f"{clip.path.name} ends early: its header says {float(stated):.2f} s, and {float(clip.duration):.2f} s are "
        "there. It may be half a download.",
    )


def _reaches(clip: ClipInfo, index: int, end: Fraction) -> bool:
    span = packet_span(clip, index)
    return span is not None and span[1] >= end

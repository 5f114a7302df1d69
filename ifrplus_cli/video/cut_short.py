"""Detect files that end before the time that their own header states, as an incomplete download does."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from ifrplus_cli.values import ClipInfo
from ifrplus_cli.video.packets import packet_span

HEADED = ("matroska", "mov", "flv", "avi", "asf", "mxf")  # demuxers whose files state how long they last
MISSING = Fraction(1, 5)  # seconds: a larger gap is not just streams that end at different times


def cut_short_notes(clip: ClipInfo, header: dict[str, Any]) -> tuple[str, ...]:
    """Return a sentence with both lengths if no stream reaches the end that the header states.

    Args:
        header: ffprobe's answer on the file.
    """
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

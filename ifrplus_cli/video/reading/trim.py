"""Limit a film to the section between two moments."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil

from ifrplus_cli.errors import InputError
from ifrplus_cli.values import Chapter, ClipInfo, Section, StreamInfo

ROUNDING = Fraction(1, 2000)  # seconds: error of a time that is given, or stored, in milliseconds


@dataclass(frozen=True)
class FrameNumber:
    """A moment given by the number, counted from 0, of the frame that begins then."""

    number: int


Moment = Fraction | FrameNumber  # a fraction is in seconds from the first frame


def moment_of(text: str) -> Moment:
    """Return the moment that seconds, h:mm:ss.ms, or a frame number with the suffix f means.

    Raises:
        ValueError: with a sentence, if it is none.
    """
    if found := re.fullmatch(r"(\d{1,9})f", text):
        return FrameNumber(int(found[1]))
    if found := re.fullmatch(r"(?:(?:(\d{1,3}):)?([0-5]?\d):)?(\d{1,6}(?:\.\d{1,9})?)", text):
        hours, minutes, seconds = (Fraction(part or 0) for part in found.groups())
        if found[2] is None or seconds < 60:
            return hours * 3600 + minutes * 60 + seconds
    raise ValueError(f"{text} is not a time; use seconds (12.5), 1:02:03.250, or a frame number (120f).")


def cut_section(clip: ClipInfo, start: Moment | None, end: Moment | None) -> ClipInfo:
    """Return the clip as if it had only the frames shown from ``start`` on and before ``end``, with their times.

    A moment between two frames means the later one, so sections that meet share no frame and lack none. Only a frame
    that is held for longer than usual is cut at the moment itself.

    Raises:
        InputError: if no frame is left.
    """
    begin = clip.start if start is None else _boundary(clip, start)
    finish = clip.end if end is None else _boundary(clip, end)
    if begin >= clip.end:
        raise InputError(
            f"{clip.path.name} has no frame at --start: it has {len(clip.packet_pts)} frames in "
            f"{float(clip.duration):.3f} s.",
            "Give an earlier --start.",
        )
    if finish <= begin:
        raise InputError("There is no frame between --start and --end.", "Give a later --end.")
    if (begin, finish) == (clip.start, clip.end):
        return clip
    pts, unit = clip.packet_pts, clip.time_base
    first, behind = bisect_right(pts, begin / unit) - 1, bisect_left(pts, finish / unit)
    ticks = (round(begin / clip.time_base), *pts[first + 1 : behind])
    section = Section(clip.start, first, pts[first] * unit, begin, finish)
    return replace(
        clip,
        packet_pts=ticks,
        last_duration=finish - ticks[-1] * clip.time_base,
        streams=tuple(_limited(stream, section) for stream in clip.streams),
        chapters=tuple(_chapters(clip.chapters, section)),
        section=section,
    )


def last_frames(clip: ClipInfo, count: int) -> ClipInfo:
    """Return the clip as if it had only its last ``count`` frames; a shorter one stays as it is."""
    return frames_from(clip, max(0, len(clip.packet_pts) - count))


def frames_from(clip: ClipInfo, first: int, known: int | None = None) -> ClipInfo:
    """Return the clip as if its frame ``first``, counted from 0, were its first one.

    Args:
        known: number of frames whose times are kept in ``packet_pts``; None for all. The others are decoded as well.
    """
    behind = None if known is None else first + known
    if not first:
        return clip if behind is None else replace(clip, packet_pts=clip.packet_pts[:behind])
    number, film_start = (0, clip.start) if clip.section is None else (clip.section.number, clip.section.film_start)
    pts = clip.packet_pts[first:behind]
    begin = pts[0] * clip.time_base
    return replace(clip, packet_pts=pts, section=Section(film_start, number + first, begin, begin, clip.end))


def _boundary(clip: ClipInfo, moment: Moment) -> Fraction:
    """Return a section's boundary in seconds of the film: a multiple of its time base, or its end."""
    pts, unit = clip.packet_pts, clip.time_base
    if isinstance(moment, FrameNumber):
        return pts[moment.number] * unit if moment.number < len(pts) else clip.end
    wanted = clip.start + moment
    index = bisect_left(pts, (wanted - ROUNDING) / unit)
    frame = pts[index] * unit if index < len(pts) else clip.end
    if frame - wanted <= 1 / clip.rate:
        return frame
    return ceil(wanted / clip.time_base) * clip.time_base


def _limited(stream: StreamInfo, section: Section) -> StreamInfo:
    """Limit a stream's own time span, as far as it is known, to the section."""
    if stream.start is None or stream.attached_picture:
        return stream
    begin = max(stream.start, section.begin) if section.cuts_start else stream.start
    if stream.duration is None:
        return replace(stream, start=begin)
    end = min(stream.start + stream.duration, section.end)
    return replace(stream, start=begin, duration=max(end - begin, Fraction(0)))


def _chapters(chapters: tuple[Chapter, ...], section: Section) -> list[Chapter]:
    begin = section.begin if section.cuts_start else min([section.begin, *(c.start for c in chapters)])
    inside = (replace(c, start=max(c.start, begin), end=min(c.end, section.end)) for c in chapters)
    return [chapter for chapter in inside if chapter.start < chapter.end]

"""The streams of a film besides its picture: which of them the new file takes along, and how."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import ffmpeg

from ifrplus_cli.values import ClipInfo, StreamInfo
from ifrplus_cli.video.ffmpeg import find_tool
from ifrplus_cli.video.ffprobe import read_packets
from ifrplus_cli.video.formats.channel_layouts import layout_filter, nearest_layout
from ifrplus_cli.video.formats.containers import MKV, MOV, Container
from ifrplus_cli.video.other_streams.retime import Retiming, is_lossless
from ifrplus_cli.video.pieces import open_source

TIMECODE_TRACK = "tmcd"
ATTACHED = "attached"  # cover art that becomes an attachment
COVER_TYPES = {"mjpeg": ("jpg", "image/jpeg"), "png": ("png", "image/png"), "gif": ("gif", "image/gif")}
# Text subtitles, and the format in which they are written when their times change.
TEXT_SUBTITLES = {"ass": "ass", "ssa": "ass", "subrip": "srt", "mov_text": "srt", "webvtt": "srt", "text": "srt"}


@dataclass(frozen=True)
class Carried:
    """A stream taken along.

    Attributes:
        codec: ``copy``, the encoder it goes through, or ``ATTACHED``.
        delay: seconds by which the muxer must receive it later, to store it at its time.
        layout: that its channels are mixed to, None to leave them as they are.
    """

    stream: StreamInfo
    codec: str
    delay: Fraction = Fraction(0)
    layout: str | None = None


def other_streams(clip: ClipInfo) -> list[StreamInfo]:
    """Return the streams of a film besides its picture.

    ffmpeg shows the text track behind an mp4's chapters as data, and a track of timecode; both are left out, because a
    muxer makes them again.
    """
    return [s for s in clip.streams if s.codec != TIMECODE_TRACK and not (s.codec == "bin_data" and clip.chapters)]


def carry_streams(
    clip: ClipInfo, container: Container, *, stretch: Fraction, sound: str
) -> tuple[tuple[Carried, ...], list[str]]:
    """Choose how each stream is taken along: copied, converted in the usual way, or left out.

    Returns:
        The streams that are taken along, and notes on those that are converted or left out.
    """
    streams = [s for s in other_streams(clip) if stretch == 1 or sound != "drop" or s.kind != "audio"]
    stretched = stretch != 1 and sound == "stretch"
    retimed = clip.section is not None or stretch != 1
    ways = {s.index: _ways(s, container, retimed=retimed, stretched=stretched) for s in streams}
    if stretch != 1:
        ways.update({s.index: [] for s in streams if not _can_stretch(s)})
    over = [s for s in streams if s.kind in ("data", "video") and not _begins_in_section(clip, s)]
    ways.update({s.index: [] for s in over})
    best = [choices[0] for choices in ways.values() if choices]
    all_fit = len(best) == len(ways) and _muxer_takes(clip, container, best)  # at once, to try them one by one is slow
    carried, left_out = [], []
    for stream in streams:
        fitting = (way for way in ways[stream.index] if all_fit or _muxer_takes(clip, container, [way]))
        taken = next(fitting, None)
        if taken is None:
            why = "has nothing that begins in the section" if stream in over else "can't be stored"
            left_out.append(f"The {stream.kind} stream {stream.index} ({stream.codec}) {why} and is left out.")
            continue
        carried.append(taken)
        same = taken.codec in ("copy", ATTACHED, stream.codec) or (stream.codec, taken.codec) == ("subrip", "srt")
        if not same and not (stretched and stream.kind == "audio"):
            left_out.append(f"The {stream.kind} stream {stream.index} ({stream.codec}) is converted to {taken.codec}.")
        if taken.layout:
            left_out.append(
                f"The channels of the audio stream {stream.index} are stored as {taken.layout}: "
                f"{taken.codec} has no {stream.layout}."
            )
    return _attached_last(carried), left_out


def _begins_in_section(clip: ClipInfo, stream: StreamInfo) -> bool:
    """Return whether any packet of a stream, any key frame of pictures, begins in the section that is used.

    Only from there on a stream can be copied.
    """
    section = clip.section
    if section is None or not section.cuts_start or stream.attached_picture:
        return True
    for packet in read_packets(clip.path, stream.index, "pts_time,flags", pieces=clip.pieces):
        if stream.kind == "data" or "K" in packet["flags"]:
            start = Fraction(packet.get("pts_time", "-1"))
            if section.begin <= start < section.end:
                return True
    return False


def _can_stretch(stream: StreamInfo) -> bool:
    """Return whether a stream can last longer, or has no times at all."""
    timeless = stream.kind == "attachment" or stream.attached_picture
    return timeless or stream.kind == "audio" or (stream.kind == "subtitle" and stream.codec in TEXT_SUBTITLES)


def _ways(stream: StreamInfo, container: Container, *, retimed: bool, stretched: bool) -> list[Carried]:
    """Return the ways in which a container might hold a stream, the best one first."""
    if stream.kind == "attachment" and not container.holds_attachments:
        return []
    if stream.attached_picture and container.holds_attachments:
        return [Carried(stream, ATTACHED)] if stream.codec in COVER_TYPES else []
    if stream.attached_picture and container is MOV:
        return []  # ffmpeg takes it, and writes none
    usual = {"audio": container.audio_codec, "subtitle": container.subtitle_codec}.get(stream.kind)
    if stream.kind == "subtitle" and retimed and stream.codec in TEXT_SUBTITLES:
        codecs = ["ass", usual] if TEXT_SUBTITLES[stream.codec] == "ass" and container is MKV else [usual]
    elif stream.kind == "audio" and retimed:
        kept = [] if stretched else ["copy"]
        codecs = [*([stream.codec] if is_lossless(stream.codec) else []), *kept, usual]
    else:
        codecs = ["copy", usual]
    ways = [Carried(stream, codec) for codec in codecs if codec]
    if usual and (layout := nearest_layout(stream.layout)):
        ways.append(Carried(stream, usual, layout=layout))
    return ways


def _attached_last(carried: Sequence[Carried]) -> tuple[Carried, ...]:
    """Return the streams in the order that the file will have: ffmpeg puts attached files behind all others."""
    return tuple(sorted(carried, key=lambda c: c.codec == ATTACHED))


def _muxer_takes(clip: ClipInfo, container: Container, carried: Sequence[Carried]) -> bool:
    """Return whether a container takes some streams: ffmpeg tries with their first second, without a file."""
    mapped = [c for c in carried if c.codec != ATTACHED]
    if not mapped:
        return True
    source = open_source(clip)
    stream = ffmpeg.output(
        *(source[str(c.stream.index)] for c in mapped),
        os.devnull,
        format=container.muxer,
        t=1,
        **{f"c:{n}": c.codec for n, c in enumerate(mapped)},
        **{f"filter:{n}": layout_filter(c.layout) for n, c in enumerate(mapped) if c.layout},
    ).global_args("-hide_banner", "-nostdin", "-y", "-loglevel", "quiet")
    command = ffmpeg.compile(stream, cmd=find_tool("ffmpeg"))
    return subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode == 0


def is_retimed_text(carried: Carried, timing: Retiming) -> bool:
    """Return whether a stream is text subtitles that are written again, with other times."""
    return timing.changes and carried.stream.kind == "subtitle" and carried.stream.codec in TEXT_SUBTITLES

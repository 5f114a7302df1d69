"""Detect interlaced and telecined films from their frames, and choose how the decoder deinterlaces them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

import ffmpeg
import numpy as np

from ifrplus_cli.errors import InputError
from ifrplus_cli.frames.fields import FieldCounts, Luma, count_fields
from ifrplus_cli.frames.timeline import rate_text
from ifrplus_cli.values import ClipInfo
from ifrplus_cli.video.ffmpeg import find_tool
from ifrplus_cli.video.pieces import open_source

WINDOWS, WINDOW = 12, 16  # places that are examined, spread over the film, and frames at each
FEW_SEEN = 3  # places: if fewer show anything, as many others are examined too
SHARE = 0.2  # share of the places that show anything from which a film counts as interlaced or telecined
DOUBTFUL = 0.1  # share of the frames, for a film that is marked as interlaced
ENOUGH = 10  # frames that must show anything before such a film counts as progressive
NARROWER, LEAST_WIDTH = 4, 96  # frames are reduced in width, which removes noise and leaves their lines unchanged
IVTC_PACE = Fraction(4, 5)  # share of the frames that inverse telecine keeps
ORDERS = {"tt": "tff", "tb": "tff", "bb": "bff", "bt": "bff"}


@dataclass(frozen=True)
class Fields:
    """The fields of a film, as its frames show them.

    Attributes:
        kind: ``progressive``, ``interlaced`` or ``telecined``.
        order: the field that comes first, ``tff`` or ``bff``; ``auto`` if frames don't show it.
    """

    kind: str
    order: str


def detect_fields(clip: ClipInfo) -> Fields:
    """Examine frames from places all over the film."""
    seen: list[FieldCounts] = []
    for round_of_places in _places(clip):
        seen += [count_fields(window) for start, count in round_of_places for window in _windows(clip, start, count)]
        if sum(counts.kind is not None for counts in seen) >= FEW_SEEN:
            break
    total = sum(seen, FieldCounts())
    order = total.order if total.woven else ORDERS.get(clip.field_order, "auto")
    if (kind := _kind(seen, total)) != "progressive":
        return Fields(kind, order)
    if clip.interlaced and (total.decided < ENOUGH or total.woven >= DOUBTFUL * total.decided):
        return Fields("interlaced", order)
    return Fields("progressive", "auto")


def _kind(seen: list[FieldCounts], total: FieldCounts) -> str:
    """Return the kind that the places show; if none shows enough by itself, what they show together."""
    kinds = [counts.kind for counts in seen if counts.kind is not None] or [total.kind or "progressive"]
    telecined, interlaced = kinds.count("telecined"), kinds.count("interlaced")
    if telecined + interlaced < SHARE * len(kinds) or not telecined + interlaced:
        return "progressive"
    return "telecined" if telecined >= interlaced else "interlaced"


def advice(clip: ClipInfo, kind: str) -> str | None:
    """Return what to choose for a film of this kind; None if no choice is needed."""
    if kind == "progressive":
        return None
    if kind == "telecined" and not clip.variable_rate:
        return "--deinterlace ivtc"
    return f"--deinterlace bob ({rate_text(2 * clip.rate)} frames per second, one of each field), --deinterlace bwdif"


def makes_field_frames(clip: ClipInfo) -> bool:
    """Return whether each field becomes a frame of its own."""
    return clip.deinterlace is not None and "send_field" in clip.deinterlace


def deinterlaced(clip: ClipInfo, choice: str | None) -> ClipInfo:
    """Return the clip as it will be decoded.

    Args:
        choice: ``bob`` makes a whole frame of each field, ``bwdif`` one of each first field, ``ivtc`` recovers the
            frames of the original film (inverse telecine), ``off`` leaves frames as they are. None leaves a
            progressive clip as it is.

    Raises:
        InputError: if the clip is not progressive and there is no choice, or the choice can't be met.
    """
    if not clip.source.is_video and choice not in (None, "off"):
        raise InputError(f"{clip.path.name} is made of images, which have no fields.", "Leave out --deinterlace.")
    if choice == "off" or not clip.source.is_video:
        return clip
    found = detect_fields(clip)
    if choice is None:
        if found.kind != "progressive":
            raise InputError(
                f"{clip.path.name} is {found.kind}: combed frames cannot be interpolated.",
                f"Use {advice(clip, found.kind)}, or off if it looks right as it is.",
            )
        return clip
    if choice == "bob":
        return _field_frames(clip, found.order)
    if choice == "bwdif":
        return replace(clip, deinterlace=f"bwdif=mode=send_frame:parity={found.order}")
    if clip.variable_rate:
        raise InputError(f"{clip.path.name} has a variable frame rate, which ivtc can't handle.", "Try bwdif.")
    return _film_frames(clip, found.order)


def _field_frames(clip: ClipInfo, order: str) -> ClipInfo:
    """Return the clip with two frames for each one: the second one is halfway to the next frame, or to the end."""
    pts, unit = clip.packet_pts, clip.time_base / 2
    shown = max(1, round(clip.last_duration / clip.time_base))  # of the last frame, in units of the film's time base
    second = [a + b for a, b in zip(pts, (*pts[1:], pts[-1] + shown), strict=True)]
    ticks = tuple(tick for first, other in zip(pts, second, strict=True) for tick in (2 * first, other))
    filters = f"bwdif=mode=send_field:parity={order}"
    if len(pts) > 1 and shown != pts[-1] - pts[-2] and not clip.decode_times_only:
        # The filter assumes that the last frame is shown for as long as the one before.
        filters += f",setpts='if(gt(PTS,{2 * pts[-1]}),{ticks[-1]},PTS)'"
    last = clip.end - ticks[-1] * unit
    return replace(clip, rate=2 * clip.rate, time_base=unit, packet_pts=ticks, last_duration=last, deinterlace=filters)


def _film_frames(clip: ClipInfo, order: str) -> ClipInfo:
    """Return the clip with four frames for every five, at even times; a last, incomplete five keeps all its frames."""
    rate = clip.rate * IVTC_PACE
    whole, rest = divmod(len(clip.packet_pts), 5)
    step = 1 / rate / (unit := _common_unit(clip.time_base, 1 / rate))
    ticks = tuple(round(clip.start / unit + n * step) for n in range(4 * whole + rest))
    # Fields are matched, what is still combed is deinterlaced, and the repeated frame of each five is dropped.
    matched = f"fieldmatch=order={order}:combmatch=full,yadif=deint=interlaced,decimate"
    last = clip.end - ticks[-1] * unit
    return replace(clip, rate=rate, time_base=unit, packet_pts=ticks, last_duration=last, deinterlace=matched)


def _common_unit(one: Fraction, other: Fraction) -> Fraction:
    """Return a time base in which both are whole numbers."""
    return Fraction(1, one.denominator * other.denominator)


def _places(clip: ClipInfo) -> Iterator[list[tuple[Fraction | None, int]]]:
    """Yield rounds of places, each with a number of frames: all of a short film, or places spread over a longer one."""
    times = clip.times
    if len(times) <= WINDOWS * WINDOW:
        yield [(None, len(times))]
        return
    for offset in (0, 1):
        numbers = (len(times) * (2 * n + offset) // (2 * WINDOWS) for n in range(WINDOWS))
        yield [(times[number], WINDOW) for number in numbers]


def _windows(clip: ClipInfo, start: Fraction | None, count: int) -> Iterator[list[Luma]]:
    """Yield lumas of ``count`` frames from ``start`` on, in windows that share a frame; none if decoding fails."""
    seek = {} if start is None else {"noaccurate_seek": None, "seek_timestamp": 1, "ss": f"{float(start):.6f}"}
    source = open_source(clip, noautorotate=None, **seek)
    width, height = min(clip.width, max(LEAST_WIDTH, clip.width // NARROWER)), clip.height
    stream = ffmpeg.output(
        source[str(clip.stream_index)].filter("scale", width, height, flags="area"),
        "pipe:1",
        format="rawvideo",
        pix_fmt="gray",
        fps_mode="passthrough",
        **{"frames:v": count},
    ).global_args("-hide_banner", "-nostdin", "-loglevel", "error")
    command = ffmpeg.compile(stream, cmd=find_tool("ffmpeg"))
    window: list[Luma] = []
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout
        while len(data := process.stdout.read(width * height)) == width * height:
            window.append(np.frombuffer(data, np.uint8).reshape(height, width))
            if len(window) == WINDOW:
                yield window
                window = window[-1:]
    if len(window) > 1:
        yield window

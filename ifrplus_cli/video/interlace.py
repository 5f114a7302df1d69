"""Interlaced and telecined films: found by looking at frames, and untangled while they are decoded."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise

import ffmpeg
import numpy as np
import numpy.typing as npt

from ifrplus_cli.errors import InputError
from ifrplus_cli.values import ClipInfo, Frame, Image, PixelFormat
from ifrplus_cli.video.decode import decode
from ifrplus_cli.video.ffmpeg import SOURCE_LIMITS, find_tool, source_url
from ifrplus_cli.video.trim import FrameNumber, cut_section

WINDOWS, WINDOW = 5, 30  # places that are looked at, spread over the film, and frames at each
# Shares of the frames that ffmpeg's idet filter decides on: progressive clips were below 0.33, the others above 0.78.
INTERLACED = 0.5
DOUBTFUL = 0.1  # for a film that is marked as interlaced
ENOUGH = 10  # frames that must have been decided on
TELECINED = 0.15  # of all frames, those that repeat a field: 2 of 5 in film on NTSC
IVTC_PACE = Fraction(4, 5)  # frames that are left
COMB = 15  # codes by which a line must differ from both its neighbours
MOVES = 12  # codes by which a sample must change to be in motion
COMBED_SEEN = 25  # frames that are looked at for combs
COMBED_FRAME = 0.5  # combs of a frame against those of fields of two frames: progressive ones have few
COMBED = 0.2  # of the frames in motion: two of five are in film on NTSC
ORDERS = {"tt": "tff", "tb": "tff", "bb": "bff", "bt": "bff"}


@dataclass(frozen=True)
class Fields:
    """What frames of a film look like.

    Attributes:
        kind: ``progressive``, ``interlaced`` or ``telecined``.
        order: ``tff`` or ``bff``: the field that comes first; ``auto`` if frames don't show it.
    """

    kind: str
    order: str


def detect_fields(clip: ClipInfo) -> Fields:
    """Look at a sample of frames with ffmpeg's idet filter, which small patterns mislead, and for combs."""
    top = bottom = progressive = repeated = frames = 0
    for told in _looks(clip):
        singles = _numbers(told, "Single frame detection")
        repeats = _numbers(told, "Repeated Fields")
        if singles and repeats:
            top, bottom, progressive = top + singles[0], bottom + singles[1], progressive + singles[2]
            frames, repeated = frames + sum(repeats), repeated + repeats[1] + repeats[2]
    most, least, decided = max(top, bottom), min(top, bottom), top + bottom + progressive
    share = most / decided if decided else 0.0
    order = ("tff" if top >= bottom else "bff") if most else ORDERS.get(clip.field_order, "auto")
    if decided >= ENOUGH and share >= INTERLACED and least <= DOUBTFUL * most and _is_combed(clip):
        return Fields("telecined" if repeated >= TELECINED * frames else "interlaced", order)
    if clip.interlaced and (decided < ENOUGH or share >= DOUBTFUL):
        return Fields("interlaced", order)
    return Fields("progressive", "auto")


def _is_combed(clip: ClipInfo) -> bool:
    """Whether enough frames have combs where something moves: about as many as fields of two frames make together."""
    middle = max(0, (len(clip.packet_pts) - COMBED_SEEN) // 2)
    part = cut_section(clip, FrameNumber(middle), FrameNumber(middle + COMBED_SEEN))
    with decode(part) as decoder:
        ratios = [_comb_ratio(left, right, part.pixel_format) for left, right in pairwise(decoder)]
    seen = [ratio for ratio in ratios if ratio is not None]
    return sum(ratio >= COMBED_FRAME for ratio in seen) >= COMBED * max(1, len(seen))


def _comb_ratio(left: Frame, right: Frame, pixel_format: PixelFormat) -> float | None:
    """Combs of the left frame against those of its one field beside the right frame's other; None without motion."""
    scale = 255 / (2**pixel_format.depth - 1)
    one, other = (frame.planes[0].astype(np.float32) * scale for frame in (left, right))
    moving = np.abs(one - other) > MOVES
    woven = []
    for first in (0, 1):
        fields = one.copy()
        fields[first::2] = other[first::2]
        woven.append(_combs(fields, moving))
    fewest = min(woven)
    return _combs(one, moving) / fewest if fewest >= MOVES * MOVES else None


def _combs(luma: Image, where: npt.NDArray[np.bool_]) -> int:
    """Samples that stick out from both lines around them."""
    above, line, below = luma[:-2], luma[1:-1], luma[2:]
    return int(np.count_nonzero(((above - line) * (below - line) > COMB * COMB) & where[1:-1]))


def untangle(clip: ClipInfo, choice: str | None) -> ClipInfo:
    """The clip as it will be decoded.

    Args:
        choice: ``bwdif`` makes whole frames of each first field, ``ivtc`` finds film's own frames again, ``off`` takes
            frames as they are. None takes a progressive clip as it is.

    Raises:
        InputError: if a choice has to be made, or can't be met.
    """
    if not clip.source.is_video and choice not in (None, "off"):
        raise InputError(f"{clip.path.name} is made of images, which have no fields.", "Leave out --deinterlace.")
    if choice == "off" or not clip.source.is_video:
        return clip
    found = detect_fields(clip)
    if choice is None:
        if found.kind != "progressive":
            usual = "ivtc" if found.kind == "telecined" else "bwdif"
            raise InputError(
                f"{clip.path.name} is {found.kind}: between combed frames there is nothing to make.",
                f"Choose --deinterlace {usual}, or off if it looks right as it is.",
            )
        return clip
    if choice == "bwdif":
        return replace(clip, deinterlace=f"bwdif=mode=send_frame:parity={found.order}")
    if clip.variable_rate:
        raise InputError(f"{clip.path.name} has a varying frame rate, which ivtc can't undo.", "Try bwdif.")
    return _film_frames(clip, found.order)


def _film_frames(clip: ClipInfo, order: str) -> ClipInfo:
    """Four frames in place of five, evenly: what is left of a last, incomplete five is kept whole."""
    rate = clip.rate * IVTC_PACE
    whole, rest = divmod(len(clip.packet_pts), 5)
    step = 1 / rate / (unit := _common_unit(clip.time_base, 1 / rate))
    ticks = tuple(round(clip.start / unit + n * step) for n in range(4 * whole + rest))
    # Fields are matched, what is still combed is deinterlaced, and the repeated frame of each five is dropped.
    matched = f"fieldmatch=order={order}:combmatch=full,yadif=deint=interlaced,decimate"
    last = clip.end - ticks[-1] * unit
    return replace(clip, rate=rate, time_base=unit, packet_pts=ticks, last_duration=last, deinterlace=matched)


def _common_unit(one: Fraction, other: Fraction) -> Fraction:
    """A time base in which both are whole."""
    return Fraction(1, one.denominator * other.denominator)


def _looks(clip: ClipInfo) -> Iterator[str]:
    """What idet says of each window."""
    times = clip.times
    few = len(times) <= WINDOWS * WINDOW or clip.decode_times_only
    begins = [None] if few else [times[len(times) * n // WINDOWS] for n in range(WINDOWS)]
    for begin in begins:
        seek = {} if begin is None else {"noaccurate_seek": None, "seek_timestamp": 1, "ss": f"{float(begin):.6f}"}
        source = ffmpeg.input(source_url(clip.path), **SOURCE_LIMITS, **seek)
        picture = source[str(clip.stream_index)].filter("idet")
        frames = WINDOWS * WINDOW if begin is None else WINDOW
        stream = ffmpeg.output(picture, "-", format="null", **{"frames:v": frames, "fps_mode": "passthrough"})
        command = ffmpeg.compile(
            stream.global_args("-hide_banner", "-nostdin", "-loglevel", "info"), cmd=find_tool("ffmpeg")
        )
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
        yield done.stderr.decode("utf-8", "replace")


def _numbers(told: str, name: str) -> list[int]:
    """The counts behind the last line of a name: ffmpeg may set up its filters more than once."""
    lines = [line.partition(name)[2] for line in told.splitlines() if name in line]
    counts = [[int(count) for count in re.findall(r": +(\d+)", line)] for line in lines]
    return max(counts, key=sum, default=[])

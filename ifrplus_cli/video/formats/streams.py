"""Interpret ffprobe's description of a stream: formats, colours, times and rates."""

from __future__ import annotations

import re
from array import array
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ifrplus_cli.errors import InputError
from ifrplus_cli.pixel_formats import PIXEL_FORMATS, Chroma, PixelFormat
from ifrplus_cli.values import Chapter, ColourTags, Packets, StreamInfo

DRAWN = {"png", "apng", "gif", "webp", "tiff"}  # decoders of images
UNKNOWN = -(1 << 63)  # ffmpeg's own number for a time that is not known
# Formats whose samples ffmpeg repacks without loss into one of our planar formats.
REPACKED = {
    "nv12": "yuv420p",
    "nv21": "yuv420p",
    "nv16": "yuv422p",
    "nv24": "yuv444p",
    "yuyv422": "yuv422p",
    "uyvy422": "yuv422p",
    "yuvj420p": "yuv420p",
    "yuvj422p": "yuv422p",
    "yuvj444p": "yuv444p",
    "p010le": "yuv420p10le",
    "p210le": "yuv422p10le",
    "y210le": "yuv422p10le",
    "p410le": "yuv444p10le",
}

# Packed RGB of fewer bits than a sample of ours has, or of more.
ODD_RGB = re.compile(r"(rgb|bgr)(4|8|4_byte|444|555|565)(le|be)?")


def is_unclear(stream: dict[str, Any]) -> bool:
    """Return whether what ffprobe has read of a file does not tell how a video stream stores its pictures."""
    return stream.get("codec_type") == "video" and stream.get("pix_fmt", "unknown") == "unknown"


def main_video(path: Path, streams: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the main video stream: the default one of moving pictures, or the first of them.

    Raises:
        InputError: if there is none, or none that can be decoded.
    """
    pictures = [s for s in streams if s.get("codec_type") == "video" and not s["disposition"]["attached_pic"]]
    if not pictures:
        raise InputError(f"{path.name} has no video stream.", "Give a file with a moving picture.")
    video = next((s for s in pictures if s["disposition"]["default"]), pictures[0])
    if "codec_name" not in video or video["codec_name"] == "unknown" or not video.get("width"):
        raise InputError(
            f"The installed ffmpeg has no decoder for the video in {path.name}.",
            "Install a newer ffmpeg, or convert the file first.",
        )
    if is_unclear(video):
        raise InputError(f"The video in {path.name} can't be decoded: its stream is damaged.", "Use an undamaged copy.")
    return video


@dataclass(frozen=True)
class PacketTimes:
    """The shown packets of a video stream, in units of its time base.

    Attributes:
        count: how many there are.
        timed: how many of them have a time.
        times: the different times, in order.
        last_duration: of the last packet; 0 if it is not stated, or if the same single unit is stated for packets that
            are further apart: ffmpeg does so when a wrong rate misleads it.
        reordered: whether any packet but the first states when it is shown, and not only when it is decoded.
    """

    count: int
    timed: int
    times: list[int]
    last_duration: int
    reordered: bool


class Track:
    """Collects the packets of a stream: pts, dts and duration in units of its time base, and whether each is hidden."""

    def __init__(self) -> None:
        self._numbers = array("q")

    def add(self, packet: Mapping[str, Any]) -> None:
        """Append a packet of which ffprobe tells ``pts``, ``dts``, ``duration`` and ``flags``."""
        times = (packet.get("pts", UNKNOWN), packet.get("dts", UNKNOWN), packet.get("duration", 0))
        self._numbers.extend((*map(int, times), "D" in packet.get("flags", "")))

    @property
    def count(self) -> int:
        """Number of packets."""
        return len(self._numbers) // 4

    @property
    def table(self) -> npt.NDArray[np.int64]:
        """The packets in the order of the file, count x 4; a time that is not known is ``UNKNOWN``."""
        return np.frombuffer(self._numbers, np.int64).reshape(-1, 4)


def read_times(track: Track) -> PacketTimes:
    """Return the times of a video stream's packets."""
    pts, dts, lengths, _ = (shown := track.table[track.table[:, 3] == 0]).T
    known = np.where(pts == UNKNOWN, dts, pts)
    timed = known != UNKNOWN
    times = np.unique(known[timed]).tolist()
    last_duration = int(lengths[np.where(timed, known, 0).argmax()]) if len(shown) else 0
    if np.isin(lengths, (0, 1)).all() and len(times) > 1 and times[-1] - times[0] >= 2 * (len(times) - 1):
        last_duration = 0
    return PacketTimes(len(shown), int(timed.sum()), times, last_duration, bool((pts[1:] != UNKNOWN).any()))


def sound_packets(stream: Mapping[str, Any], track: Track | None) -> Packets | None:
    """Return the packets of a stream of sound that have a time; None for another stream, or if they were not read."""
    if track is None or stream.get("codec_type") != "audio":
        return None
    starts, _, lengths, _ = track.table[track.table[:, 0] != UNKNOWN].T
    return Packets(Fraction(stream["time_base"]), starts.copy(), lengths.copy())


def untimed(times: list[int], count: int, video: dict[str, Any], time_base: Fraction) -> list[int]:
    """Return times for packets of which some have none: the nominal clock from the first known time."""
    start = times[0] if times else 0
    step = 1 / (ratio(video.get("r_frame_rate", "")) or Fraction(25)) / time_base
    return [start + round(n * step) for n in range(count)]


def pixel_format_of(name: str, codec: str = "") -> PixelFormat:
    """Return the planar format that stores the samples of format ``name``, without loss if there is one."""
    name = REPACKED.get(name, name)
    if (little := little_endian(name)) in PIXEL_FORMATS:
        return PIXEL_FORMATS[little]
    alpha, depth = _has_alpha(name, codec), _depth(name)
    if name.startswith(("rgb", "bgr", "gbr", "argb", "abgr", "0rgb", "0bgr", "pal", "x2")):
        chroma = Chroma.RGB
    elif name.startswith(("gray", "ya", "mono")):
        chroma = Chroma.RGB if alpha else Chroma.GRAY
    else:
        chroma = Chroma.C420 if "420" in name or "410" in name else Chroma.C422 if "422" in name else Chroma.C444
    return next(
        form for form in PIXEL_FORMATS.values() if form.chroma is chroma and form.alpha == alpha and form.depth >= depth
    )


def little_endian(name: str) -> str:
    """Return the name of the same pixel format with its bytes in the order in which frames are decoded."""
    return f"{name.removesuffix('be')}le" if name.endswith("be") else name


def decode_format_of(pixel_format: PixelFormat, source_formats: list[str]) -> str:
    """Return ffmpeg's name of the format to decode to, so that no sample changes on the way to ``pixel_format``."""
    if any(name.startswith("yuvj") for name in source_formats):
        return pixel_format.name.replace("yuv", "yuvj")
    # Between packed and planar ffmpeg's scaler changes 8-bit alpha by one.
    return "rgba" if pixel_format.name == "gbrap" and "gbrap" not in source_formats else pixel_format.name


def _depth(name: str) -> int:
    if ODD_RGB.fullmatch(name):
        return 8
    if any(word in name for word in ("48", "64", "16")):
        return 16
    return 12 if name.endswith(("le", "be")) else 8


def _has_alpha(name: str, codec: str) -> bool:
    """Return whether a stream's alpha means anything: screen recorders leave arbitrary values in it."""
    if name == "bgra":
        return codec in {"gif", "ffv1"}
    return (
        name.startswith(("yuva", "ayuv", "gbrap", "rgba", "argb", "abgr"))
        or name in {"ya8", "ya16le", "ya16be"}
        or (name == "pal8" and codec in DRAWN)
    )


def colour_tags(video: dict[str, Any]) -> ColourTags:
    """Return a stream's colour tags; None for those that it does not state."""

    def known(key: str) -> str | None:
        value = video.get(key)
        return None if value in (None, "unknown", "reserved", "unspecified") else str(value)

    full = "pc" if video["pix_fmt"].startswith("yuvj") else None
    return ColourTags(
        primaries=known("color_primaries"),
        transfer=known("color_transfer"),
        matrix=known("color_space"),
        range=known("color_range") or full,
        chroma_location=known("chroma_location"),
    )


def display_matrix(video: dict[str, Any]) -> tuple[int, ...] | None:
    """Return the nine numbers of a stream's display matrix, row by row, as they are stored."""
    for data in video.get("side_data_list", []):
        if "displaymatrix" in data:
            rows = [line.split(":", 1)[1].split() for line in data["displaymatrix"].splitlines() if ":" in line]
            return tuple(int(value) for row in rows for value in row)
    return None


def ratio(text: str) -> Fraction | None:
    """Parse ``30000/1001`` or ``4:3`` as a number; None if either part is zero or not a number."""
    above, _, below = text.replace(":", "/").partition("/")
    if not above.isdigit() or not below.isdigit() or int(above) == 0 or int(below) == 0:
        return None
    return Fraction(int(above), int(below))


def _gaps(times: list[int]) -> list[int]:
    return [after - before for before, after in pairwise(times)]


def nominal_rate(video: dict[str, Any], times: list[int], time_base: Fraction) -> Fraction:
    """Return the stream's own rate if its frames keep to it, else the rate of the most common gap."""
    stated = [ratio(video.get(key, "")) for key in ("r_frame_rate", "avg_frame_rate")]
    gaps = Counter(_gaps(times))
    if not gaps:
        return next((rate for rate in stated if rate), Fraction(25))
    usual = gaps.most_common(1)[0][0] * time_base
    near = [rate for rate in stated if rate and abs(1 / rate - usual) <= time_base]
    return near[0] if near else (1 / usual).limit_denominator(1001)


def is_variable(times: list[int]) -> bool:
    """Return whether gaps differ by more than a container's rounding to its time base explains."""
    gaps = _gaps(times)
    return bool(gaps) and (max(gaps) - min(gaps)) > 1


def chapter_of(chapter: dict[str, Any]) -> Chapter:
    """Convert a chapter from ffprobe's list."""
    unit = Fraction(chapter["time_base"])
    return Chapter(chapter["start"] * unit, chapter["end"] * unit, tuple(chapter.get("tags", {}).items()))


def _codec_name(stream: dict[str, Any]) -> str:
    """The name that ffmpeg has for it, or where it has none the file's own, such as ``tmcd`` or ``mebx``."""
    name, tag = stream.get("codec_name", "unknown"), stream.get("codec_tag_string", "")
    return tag if name in ("unknown", "none") and tag.isalnum() else name


def language_of(stream: Mapping[str, Any]) -> str:
    """Return the language that a stream states; empty without one."""
    stated = {name.lower(): text for name, text in stream.get("tags", {}).items()}.get("language", "und")
    return "" if stated == "und" else str(stated)


def stream_info(stream: dict[str, Any], track: Track | None = None) -> StreamInfo:
    """Describe a stream other than the main video, with its packets if it is sound and they have been read."""

    def seconds(key: str) -> Fraction | None:
        return Fraction(stream[key]) if stream.get(key, "N/A") != "N/A" else None

    return StreamInfo(
        index=stream["index"],
        kind=stream.get("codec_type", "data"),
        codec=_codec_name(stream),
        start=seconds("start_time"),
        duration=seconds("duration"),
        attached_picture=bool(stream.get("disposition", {}).get("attached_pic")),
        dispositions=tuple(name for name, held in stream.get("disposition", {}).items() if held),
        language=language_of(stream),
        layout=stream.get("channel_layout", ""),
        sample_rate=int(stream.get("sample_rate", 48_000)),
        packets=sound_packets(stream, track),
    )

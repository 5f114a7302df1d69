"""What each kind of output file can hold: plain facts, and the one property that ffmpeg can't write."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

from ifrplus_cli.errors import OutputError


@dataclass(frozen=True)
class Container:
    """Facts about a container format.

    Attributes:
        muxer: ffmpeg's name for it.
        video_codec: its usual video encoder.
        audio_codec: encoder for sound that the container can't hold as it is.
        subtitle_codec: encoder for text subtitles that it can't hold as they are.
        holds_display_matrix: whether rotation can be stored; otherwise the picture is turned upright.
        unit: unit of its times in seconds; None if it keeps any time base.
        shortest: shortest time in seconds for which a frame can be shown.
        holds_attachments: whether other files can be attached; cover art is then one of them.
        hides_lead: whether sound can begin within a packet, after packets that serve only the decoder.
        counts_codec_delay: whether the times of sound count from before its codec's delay.
        joins_repeats: whether equal neighbouring frames become one frame that is shown for longer.
        counts_plays: whether it states how often it is to be played.
        states_length: whether it always states how long its last frame is shown.
        has_times: whether it states the times of frames at all.
        muxer_options: extra options for a file that plays well.
    """

    muxer: str
    video_codec: str
    audio_codec: str = ""
    subtitle_codec: str = ""
    holds_display_matrix: bool = False
    unit: Fraction | None = None
    shortest: Fraction = Fraction(0)
    holds_attachments: bool = False
    hides_lead: bool = False
    counts_codec_delay: bool = False
    joins_repeats: bool = False
    counts_plays: bool = False
    states_length: bool = False
    has_times: bool = True
    muxer_options: tuple[tuple[str, str], ...] = ()


MILLISECOND, CENTISECOND = Fraction(1, 1000), Fraction(1, 100)
FASTSTART = (("movflags", "+faststart"),)
MP4 = Container("mp4", "libx264", "aac", "mov_text", True, hides_lead=True, muxer_options=FASTSTART)
MOV = Container("mov", "libx264", "aac", "mov_text", True, hides_lead=True, muxer_options=FASTSTART)
MKV = Container("matroska", "libx264", "flac", "srt", False, MILLISECOND, MILLISECOND, True, counts_codec_delay=True)
WEBM = Container("webm", "libvpx-vp9", "libopus", "webvtt", False, MILLISECOND, MILLISECOND, counts_codec_delay=True)
NUT = Container("nut", "libx264", "flac", "srt")
FILMS = {".mp4": MP4, ".m4v": MP4, ".mov": MOV, ".mkv": MKV, ".webm": WEBM, ".nut": NUT}
# Browsers show a frame with a shorter time for a tenth of a second.
GIF = Container("gif", "gif", unit=CENTISECOND, shortest=2 * CENTISECOND, counts_plays=True, states_length=True)
APNG = Container("apng", "apng", shortest=11 * MILLISECOND, counts_plays=True, states_length=True)
WEBP = Container(
    "webp",
    "libwebp_anim",
    unit=MILLISECOND,
    shortest=11 * MILLISECOND,
    joins_repeats=True,
    counts_plays=True,
    states_length=True,
)
ANIMATIONS = {".gif": GIF, ".apng": APNG, ".webp": WEBP}
CONTAINERS = {**FILMS, **ANIMATIONS}
IMAGE_ENCODERS = {
    ".png": "png",
    ".jpg": "mjpeg",
    ".jpeg": "mjpeg",
    ".webp": "libwebp",
    ".tif": "tiff",
    ".tiff": "tiff",
}
IMAGES = {
    suffix: Container("image2", encoder, has_times=False, muxer_options=(("start_number", "1"),))
    for suffix, encoder in IMAGE_ENCODERS.items()
}


def container_for(path: Path, *, images: bool = False) -> Container:
    """Return the container for a file name.

    Args:
        images: whether it is the name of numbered images.

    Raises:
        OutputError: for an extension that is not in the table.
    """
    found = (IMAGES if images else CONTAINERS).get(path.suffix.lower())
    if found is None:
        raise OutputError(
            f"{path.name} does not have the extension of a video file that can be written.",
            f"Use {', '.join(CONTAINERS)}, or a pattern such as %06d.png for images.",
        )
    return found


def check_pace(container: Container, gap: Fraction) -> None:
    """Refuse frames that are closer together than a container can store, or than players would show them.

    Args:
        gap: seconds from one frame to the next.

    Raises:
        OutputError: if the gap is too short.
    """
    if gap >= container.shortest:
        return
    if container not in ANIMATIONS.values():
        raise OutputError(
            f"{container.muxer} can't hold frames that are less than a millisecond apart, as these would be.",
            "Write to .mp4 or .mov instead, or choose an even rate with --fps, or a smaller --factor.",
        )
    most = 1 / container.shortest
    raise OutputError(
        f"{container.muxer.upper()} can't show more than {int(most)} frames per second: browsers slow them down.",
        f"Use --fps {int(most)} or less, a smaller --factor, or --slow-motion.",
    )


def write_display_matrix(path: Path, matrix: tuple[int, ...]) -> None:
    """Write rotation and mirroring into the first video track of a finished mp4 or mov file.

    ffmpeg's command line can only write rotations, not mirroring, and not in every version; the track header
    (ISO/IEC 14496-12, 8.3.2) holds the nine numbers at a fixed place.

    Args:
        matrix: nine 32-bit integers, as in the source.

    Raises:
        OutputError: if the file has no video track to write to.
    """
    with path.open("r+b") as file:
        size = path.stat().st_size
        for start, end in _boxes(file, 0, size, b"moov"):
            for track_start, track_end in _boxes(file, start, end, b"trak"):
                if _is_video(file, track_start, track_end):
                    header, _ = next(_boxes(file, track_start, track_end, b"tkhd"))
                    file.seek(header)
                    version = file.read(1)[0]
                    file.seek(header + (52 if version == 1 else 40))
                    file.write(struct.pack(">9i", *matrix))
                    return
    raise OutputError("The finished file has no video track for its rotation.", "Write to .mkv instead.")


def _is_video(file: BinaryIO, start: int, end: int) -> bool:
    for media_start, media_end in _boxes(file, start, end, b"mdia"):
        for handler, _ in _boxes(file, media_start, media_end, b"hdlr"):
            file.seek(handler + 8)
            return file.read(4) == b"vide"
    return False


def _boxes(file: BinaryIO, start: int, end: int, kind: bytes) -> Iterator[tuple[int, int]]:
    """Yield the payload (first byte, end) of each box of one kind between two offsets (ISO/IEC 14496-12, 4.2)."""
    while start + 8 <= end:
        file.seek(start)
        size, name = struct.unpack(">I4s", file.read(8))
        header = 8
        if size == 1:
            size, header = struct.unpack(">Q", file.read(8))[0], 16
        size = size or end - start
        if size < header:
            return
        if name == kind:
            yield start + header, start + size
        start += size

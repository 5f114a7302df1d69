"""What ffmpeg does not report on animations: how often they are played, and animated WebP, which it can't read."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from ifrplus_cli.errors import InputError

# Browsers treat a shorter time as if it were missing.
SHORTEST, IN_ITS_PLACE = 11, 100  # milliseconds
ANIMATED, ALPHA = 0x02, 0x10  # bits of a WebP file's header
HEAD = 21  # bytes that show whether a file is an animated WebP
WEBP_HINT = "The file may be damaged, cut short, or not an animation."


@dataclass(frozen=True)
class WebpAnimation:
    """An animated WebP file, from its headers.

    Attributes:
        plays: number of times it is to be played, 0 for ever.
        durations: duration of each frame, in milliseconds.
        frame_bytes: size of each frame in the file.
    """

    width: int
    height: int
    alpha: bool
    plays: int
    durations: tuple[int, ...]
    frame_bytes: tuple[int, ...]


def is_webp_animation(path: Path) -> bool:
    """Return whether a file begins like an animated WebP.

    Raises:
        OSError: if it can't be read.
    """
    with path.open("rb") as file:
        head = file.read(HEAD)
    return head[:4] == b"RIFF" and head[8:16] == b"WEBPVP8X" and len(head) == HEAD and bool(head[20] & ANIMATED)


def read_webp(path: Path) -> WebpAnimation:
    """Read the headers of an animated WebP; no frame is decoded.

    Raises:
        InputError: if it is damaged.
    """
    durations, sizes = [], []
    width = height = flags = plays = 0
    try:
        with path.open("rb") as file:
            for name, _, size in _chunks(file):
                if name == b"VP8X":
                    flags, width, height = _canvas(file.read(10))
                elif name == b"ANIM":
                    plays = struct.unpack("<IH", file.read(6))[1]
                elif name == b"ANMF":
                    duration = int.from_bytes(file.read(16)[12:15], "little")
                    durations.append(IN_ITS_PLACE if duration < SHORTEST else duration)
                    sizes.append(size)
    except (struct.error, IndexError, EOFError) as error:
        raise InputError(f"{path.name} can't be read as an animation: it is cut short.", WEBP_HINT) from error
    if not durations or not width:
        raise InputError(f"{path.name} has no frames.", WEBP_HINT)
    return WebpAnimation(width, height, bool(flags & ALPHA), plays, tuple(durations), tuple(sizes))


def set_duration(path: Path, milliseconds: int) -> None:
    """Set the length of an animated WebP through its last frame, whose length ffmpeg's encoder does not know."""
    before = sum(read_webp(path).durations[:-1])
    with path.open("r+b") as file:
        last = [start for name, start, _ in _chunks(file) if name == b"ANMF"][-1]
        file.seek(last + 12)
        file.write(max(1, milliseconds - before).to_bytes(3, "little"))


def _chunks(file: BinaryIO) -> Iterator[tuple[bytes, int, int]]:
    """Yield (name, first byte of the content, size) of each chunk of a WebP file, with the file at that byte."""
    file.seek(0, 2)
    end, place = file.tell(), 12
    while place + 8 <= end:
        file.seek(place)
        name, size = struct.unpack("<4sI", file.read(8))
        if place + 8 + size > end:
            raise EOFError
        yield name, place + 8, size
        place += 8 + size + size % 2


def _canvas(content: bytes) -> tuple[int, int, int]:
    """Return flags, width and height (https://developers.google.com/speed/webp/docs/riff_container)."""
    return content[0], 1 + int.from_bytes(content[4:7], "little"), 1 + int.from_bytes(content[7:10], "little")


def webp_frames(path: Path) -> Iterator[npt.NDArray[np.uint8]]:
    """Yield all frames of an animated WebP, as H x W x 4 uint8 RGBA.

    Raises:
        InputError: if a frame can't be decoded.
    """
    from PIL import Image

    number = 0
    try:
        with Image.open(path, formats=("WEBP",)) as image:
            for number in range(getattr(image, "n_frames", 1)):
                image.seek(number)
                yield np.asarray(image.convert("RGBA"))
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        raise InputError(f"Frame {number} of {path.name} can't be decoded.", "Use an undamaged copy.") from error


def count_plays(path: Path, kind: str) -> int | None:
    """Return how often a GIF or APNG is played, 0 for ever; None for any other file.

    Args:
        kind: ffmpeg's name of its demuxer.
    """
    if kind not in {"gif", "apng"}:
        return None
    from PIL import Image

    try:
        with Image.open(path, formats=("GIF", "PNG")) as image:
            loop = image.info.get("loop")
    except (OSError, ValueError, SyntaxError):
        return 0
    if kind == "apng":
        return int(loop or 0)
    return 1 if loop is None else loop + 1 if loop else 0  # a GIF counts repetitions

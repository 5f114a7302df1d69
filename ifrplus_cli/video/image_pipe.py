"""Pictures that ffmpeg does not open by itself, as a byte stream for its decoder: each is shown at its number."""

from __future__ import annotations

import subprocess
import threading
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from contextlib import suppress
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import IO

from ifrplus_cli.errors import IfrplusError, InputError
from ifrplus_cli.values import PIXEL_FORMATS, ClipInfo, Stills
from ifrplus_cli.video.raw_matroska import PACKED_ALPHA, frame_header, image_stream_header, stream_header
from ifrplus_cli.video.webp import webp_frames

UNIT = Fraction(1, 1000)  # seconds in the stream from one picture to the next: its own time is known by its number
RAW = PIXEL_FORMATS[PACKED_ALPHA]


def numbers(clip: ClipInfo, stills: Stills) -> range:
    """Which pictures are used."""
    if clip.section is None:
        return range(len(stills.times))
    return range(clip.section.number, bisect_left(stills.times, clip.section.end))


class Feeder:
    """Writes pictures to a process in a thread of its own, as fast as it takes them."""

    def __init__(self, clip: ClipInfo, stills: Stills, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None
        self.error: IfrplusError | None = None
        self._thread = threading.Thread(target=self._feed, args=(clip, stills, process.stdin), daemon=True)
        self._thread.start()

    def join(self) -> None:
        """Wait for the end, which comes when the process has ended."""
        self._thread.join()

    def _feed(self, clip: ClipInfo, stills: Stills, pipe: IO[bytes]) -> None:
        try:
            with suppress(BrokenPipeError), pipe:
                for part in _stream(clip, stills):
                    pipe.write(part)
        except IfrplusError as error:
            self.error = error


def _stream(clip: ClipInfo, stills: Stills) -> Iterator[bytes]:
    used = numbers(clip, stills)
    pictures: Iterable[bytes]
    if stills.decoder is None:
        yield stream_header(RAW, clip.width, clip.height, 1 / UNIT)
        pictures = (frame.tobytes() for frame in islice(webp_frames(stills.files[0]), used.start, used.stop))
    else:
        yield image_stream_header(clip.width, clip.height, 1 / UNIT)
        pictures = map(_content, stills.files[used.start : used.stop])
    for number, picture in zip(used, pictures, strict=False):
        yield frame_header(number * UNIT, len(picture)) + picture


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise InputError(f"{file} can't be read any more: {error.strerror}.", "Put it back.") from error

"""Pass pictures that ffmpeg does not open by itself to its decoder, in a stream in which numbers stand for times."""

from __future__ import annotations

import subprocess
import threading
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import suppress
from fractions import Fraction
from typing import IO, Protocol

import ffmpeg

from ifrplus_cli.errors import IfrplusError, InputError, MediaToolError
from ifrplus_cli.values import ClipInfo, Frame
from ifrplus_cli.video.formats.raw_matroska import frame_header
from ifrplus_cli.video.reading.decode import FfmpegDecoder, raw_command

UNIT = Fraction(1, 1000)  # seconds from one picture to the next in the stream; its number leads to its real time


class Pictures(Protocol):
    """Pictures that are passed to ffmpeg one by one, since none of its demuxers may or can open them."""

    @property
    def times(self) -> tuple[Fraction, ...]:
        """Time of each picture in seconds, also of those outside the section that is used."""

    @property
    def decoder(self) -> str | None:
        """Name of ffmpeg's decoder; None if pictures are decoded before they reach ffmpeg."""

    @property
    def turn(self) -> str | None:
        """The ffmpeg filters that turn the pictures upright; None if they are upright."""

    def header(self, clip: ClipInfo, rate: Fraction) -> bytes:
        """Return the header of a stream of the pictures at ``rate`` per second."""

    def contents(self, used: range) -> Iterator[bytes]:
        """Yield the bytes of each picture in a range of numbers, counted from 0."""

    def name_of(self, number: int) -> str:
        """Return what messages call a picture."""


def numbers(clip: ClipInfo, times: Sequence[Fraction]) -> range:
    """Return the numbers of the pictures that the clip uses."""
    if clip.section is None:
        return range(len(times))
    return range(clip.section.number, bisect_left(times, clip.section.end))


class Feeder:
    """Writes pictures to a process in a thread of its own, as fast as the process takes them."""

    def __init__(self, parts: Iterator[bytes], process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None
        self.error: IfrplusError | None = None
        self._thread = threading.Thread(target=self._feed, args=(parts, process.stdin), daemon=True)
        self._thread.start()

    def join(self) -> None:
        """Wait until the thread ends, which it does once the process has ended."""
        self._thread.join()

    def _feed(self, parts: Iterator[bytes], pipe: IO[bytes]) -> None:
        try:
            with suppress(BrokenPipeError), pipe:
                for part in parts:
                    pipe.write(part)
        except IfrplusError as error:
            self.error = error


class PictureDecoder(FfmpegDecoder):
    """Iterates over pictures that are fed to ffmpeg, each with its time in the source."""

    def __init__(self, clip: ClipInfo, pictures: Pictures) -> None:
        decoder = {"c:v": pictures.decoder} if pictures.decoder else {}
        # Filters turn the pictures; ffmpeg's decoder of JPEG also reads how.
        pipe = {"copyts": None, "noautorotate": None, "format": "matroska", "protocol_whitelist": "pipe"}
        source = ffmpeg.input("pipe:0", **pipe, **decoder)
        size = clip.width, clip.height
        super().__init__(clip, raw_command(clip, source, pictures.turn), size, fed=True)
        self._pictures, self._used = pictures, numbers(clip, pictures.times)
        self._feeder = Feeder(_stream(clip, pictures, self._used), self._process)

    def close(self) -> None:
        """Stop ffmpeg, whatever it is doing."""
        self._process.kill()
        self._feeder.join()
        super().close()

    def __iter__(self) -> Iterator[Frame]:
        """Iterate over all pictures in order; none may be missing.

        Raises:
            InputError: if a picture can't be read or decoded.
            MediaToolError: if ffmpeg fails or dies on the way.
        """
        for number in self._used:
            picture = self._read_picture()
            at = None if picture is None else picture.pts
            if picture is None or at != number * UNIT:
                raise self._missing(number)
            yield self._frame(picture, self._pictures.times[number])
        if self._read_picture() is not None:
            raise MediaToolError("ffmpeg returned more pictures than it received.", "Try another version of ffmpeg.")
        self._check_exit()

    def _missing(self, number: int) -> IfrplusError:
        """Return the error that says why a picture is missing."""
        self.close()
        if self._feeder.error is not None:
            return self._feeder.error
        name = self._pictures.name_of(number)
        return InputError(f"{name} can't be decoded: {self._times.reason()}.", "Use an undamaged copy, or remove it.")


def _stream(clip: ClipInfo, pictures: Pictures, used: range) -> Iterator[bytes]:
    yield pictures.header(clip, 1 / UNIT)
    for number, picture in zip(used, pictures.contents(used), strict=False):
        yield frame_header(number * UNIT, len(picture)) + picture

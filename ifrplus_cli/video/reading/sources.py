"""The kinds of source: a file that ffmpeg opens, an animated WebP, which it can't open, or images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import islice
from pathlib import Path

from ifrplus_cli.errors import InputError
from ifrplus_cli.pixel_formats import PIXEL_FORMATS
from ifrplus_cli.source import FrameReader
from ifrplus_cli.values import ClipInfo
from ifrplus_cli.video.ffprobe import read_packets
from ifrplus_cli.video.formats.raw_matroska import PACKED_ALPHA, image_stream_header, stream_header
from ifrplus_cli.video.formats.webp import read_webp, webp_frames
from ifrplus_cli.video.reading.decode import FilmDecoder
from ifrplus_cli.video.reading.image_pipe import PictureDecoder


@dataclass(frozen=True)
class FileSource:
    """A film, or an animation that ffmpeg opens by itself (GIF, APNG).

    Attributes:
        plays: number of times an animation is to be played, 0 for ever; None for a film.
    """

    path: Path
    plays: int | None = None
    image_suffix: None = None
    has_streams: bool = True

    @property
    def files(self) -> tuple[Path, ...]:
        return (self.path,)

    @property
    def is_video(self) -> bool:
        return self.plays is None

    def open(self, clip: ClipInfo, *, upright: bool = False) -> FrameReader:
        return FilmDecoder(clip, upright=upright)

    def picture_sizes(self, clip: ClipInfo) -> list[int]:
        return [int(p["size"]) for p in read_packets(self.path, clip.stream_index, "size", pieces=clip.pieces)]

    def moved(self, path: Path) -> FileSource:
        return replace(self, path=path)


@dataclass(frozen=True)
class WebpSource:
    """An animated WebP, whose frames are decoded by Pillow.

    Attributes:
        size: width and height in pixels.
        times: time of each frame, in seconds.
        plays: number of times it is to be played, 0 for ever.
    """

    path: Path
    size: tuple[int, int]
    times: tuple[Fraction, ...] = field(repr=False)
    plays: int
    decoder: None = None
    turn: None = None
    image_suffix: None = None
    has_streams: bool = False
    is_video: bool = False

    @property
    def files(self) -> tuple[Path, ...]:
        return (self.path,)

    def open(self, clip: ClipInfo, *, upright: bool = False) -> FrameReader:
        return PictureDecoder(clip, self)

    def header(self, clip: ClipInfo, rate: Fraction) -> bytes:
        return stream_header(PIXEL_FORMATS[PACKED_ALPHA], *self.size, rate)

    def contents(self, used: range) -> Iterator[bytes]:
        return (frame.tobytes() for frame in islice(webp_frames(self.path), used.start, used.stop))

    def name_of(self, number: int) -> str:
        return f"Frame {number} of {self.path}"

    def picture_sizes(self, clip: ClipInfo) -> list[int]:
        return list(read_webp(self.path).frame_bytes)

    def moved(self, path: Path) -> WebpSource:
        return replace(self, path=path)


@dataclass(frozen=True)
class ImagesSource:
    """Images, one per frame, in the order of their numbers.

    Attributes:
        decoder: ffmpeg's decoder of each file.
        times: time of each image, in seconds.
        turn: ffmpeg filters that turn them upright; None if they are upright.
    """

    files: tuple[Path, ...] = field(repr=False)
    decoder: str
    times: tuple[Fraction, ...] = field(repr=False)
    turn: str | None = None
    plays: None = None
    has_streams: bool = False
    is_video: bool = False

    @property
    def image_suffix(self) -> str:
        return self.files[0].suffix

    def open(self, clip: ClipInfo, *, upright: bool = False) -> FrameReader:
        return PictureDecoder(clip, self)

    def header(self, clip: ClipInfo, rate: Fraction) -> bytes:
        # ffmpeg takes a JPEG that is lower than stated for one of two fields.
        lying = self.turn is not None and "transpose" in self.turn
        return image_stream_header(*((clip.height, clip.width) if lying else (clip.width, clip.height)), rate)

    def contents(self, used: range) -> Iterator[bytes]:
        return map(_content, self.files[used.start : used.stop])

    def name_of(self, number: int) -> str:
        return f"The image {self.files[number]}"

    def picture_sizes(self, clip: ClipInfo) -> list[int]:
        return [file.stat().st_size for file in self.files]

    def moved(self, path: Path) -> ImagesSource:
        return replace(self, files=tuple(path / file.name for file in self.files))


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise InputError(f"{file} can no longer be read: {error.strerror}.", "Put it back.") from error

"""The contract for what a clip is read from; its users need not know whether it is a film, images or an animation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ifrplus_cli.values import ClipInfo, Frame


class Readings(Protocol):
    """What a reader has noticed in a source.

    Attributes:
        frames: number of frames read so far.
        repaired_times: number of frames whose time the source does not state.
        size_changes: time in seconds and new (width, height) of each change of size; frames keep the first size.
        complaints: number of errors that the decoder reported.
    """

    @property
    def frames(self) -> int: ...
    @property
    def repaired_times(self) -> int: ...
    @property
    def size_changes(self) -> Sequence[tuple[Fraction, tuple[int, int]]]: ...
    @property
    def complaints(self) -> int: ...


class FrameReader(Readings, Protocol):
    """Iterates over a clip's frames in presentation order; a context manager that leaves no process behind."""

    def __enter__(self) -> FrameReader: ...
    def __exit__(self, *exc: object) -> None: ...
    def __iter__(self) -> Iterator[Frame]: ...
    def close(self) -> None: ...


class Source(Protocol):
    """What a clip is read from. Films, images and animations differ only here.

    ``video/reading/sources.py`` has the kinds.
    """

    @property
    def files(self) -> tuple[Path, ...]:
        """All files that are read: a single one, or one per image."""

    @property
    def image_suffix(self) -> str | None:
        """Suffix of numbered images, such as ``.png``; None for any other source."""

    @property
    def plays(self) -> int | None:
        """Number of times an animation is played, 0 for ever; None for any other source."""

    @property
    def has_streams(self) -> bool:
        """Whether ffmpeg can open it, and read streams and tags from it besides the picture."""

    @property
    def is_video(self) -> bool:
        """Whether it is a film: frames may be interlaced, and RGB is kept. RGB of images becomes YUV, for players."""

    def open(self, clip: ClipInfo, *, upright: bool = False) -> FrameReader:
        """Start decoding; ``upright`` turns the pictures as the display matrix says."""

    def picture_sizes(self, clip: ClipInfo) -> list[int]:
        """Return the size of each picture in bytes, in the order of the file."""

    def moved(self, path: Path) -> Source:
        """Return the same source under another name, or in another folder."""

"""The values that flow from one stage to the next."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ifrplus_cli.description import Description
from ifrplus_cli.pixel_formats import PixelFormat

if TYPE_CHECKING:
    from ifrplus_cli.source import Source

Plane = npt.NDArray[np.unsignedinteger]  # H x W samples, uint8 or uint16 (native order)
Image = npt.NDArray[np.float32]  # H x W x 3 RGB, nominally 0..1, not clipped
HALF = Fraction(1, 2)


@dataclass(frozen=True)
class ColourTags:
    """Colour description of a stream in ffmpeg's terms; None where the clip does not state a value.

    Attributes:
        matrix: ``bt709``, ``smpte170m``, ``bt470bg``, ``bt2020nc``, ``gbr`` ...
        range: ``tv`` (limited) or ``pc`` (full).
    """

    primaries: str | None = None
    transfer: str | None = None
    matrix: str | None = None
    range: str | None = None
    chroma_location: str | None = None


@dataclass(frozen=True)
class MasteringDisplay:
    """The display on which a film was graded (SMPTE ST 2086).

    Attributes:
        red, green, blue, white: CIE 1931 (x, y).
        min_luminance, max_luminance: in candela per square metre.
    """

    red: tuple[Fraction, Fraction]
    green: tuple[Fraction, Fraction]
    blue: tuple[Fraction, Fraction]
    white: tuple[Fraction, Fraction]
    min_luminance: Fraction
    max_luminance: Fraction


@dataclass(frozen=True)
class ContentLight:
    """The brightest pixel, and the mean of the brightest frame, in candela per square metre (CTA-861.3)."""

    max_content: int
    max_average: int


@dataclass(frozen=True)
class LightInfo:
    """What a film states about its light levels, apart from the transfer curve.

    Attributes:
        dynamic: names of the kinds of metadata that change from frame to frame, such as ``Dolby Vision``.
        needs_dynamic: whether the samples mean nothing without that metadata.
    """

    mastering: MasteringDisplay | None = None
    content: ContentLight | None = None
    dynamic: tuple[str, ...] = ()
    needs_dynamic: bool = False


@dataclass(frozen=True)
class Frame:
    """One picture in the clip's own planes.

    Attributes:
        pts: exact presentation time in seconds.
        planes: arrays of ``PixelFormat.plane_shapes``, read-only by convention: they are passed on, never changed.
        repeats: times at which the source repeats this frame, if repeats are to be smoothed.
        source_size: (width, height) in the source, if the frame was fitted into another size.
    """

    pts: Fraction
    planes: tuple[Plane, ...] = field(repr=False)
    repeats: tuple[Fraction, ...] = ()
    source_size: tuple[int, int] | None = None


class PairKind(Enum):
    """The relation of two neighbouring source frames."""

    MOTION = "motion"
    CUT = "cut"
    DUPLICATE = "duplicate"


@dataclass(frozen=True)
class Pair:
    """Two neighbouring source frames.

    Attributes:
        index: number of source frames before the left one.
        score: difference of the two frames, 0 to 1; None if it was not measured.
        seam: whether a loop closes here: the last frame, and the first one shown again.
    """

    index: int
    left: Frame
    right: Frame
    kind: PairKind
    score: float | None = None
    seam: bool = False

    @property
    def right_index(self) -> int:
        """Number of source frames before the right one."""
        return self.index + 1 + len(self.left.repeats)

    @property
    def length(self) -> Fraction:
        """Time from the left frame to the right one, in seconds."""
        return self.right.pts - self.left.pts


@dataclass(frozen=True)
class Tick:
    """A planned output frame: its time in seconds, and its position in its pair (0 is the left frame itself)."""

    pts: Fraction
    t: Fraction


@dataclass(frozen=True)
class Timing:
    """How output frames are timed.

    Attributes:
        time_base: exact times are multiples of this many seconds.
        rate: nominal frames per second.
        last_duration: seconds for which the last frame is shown.
    """

    time_base: Fraction
    rate: Fraction
    last_duration: Fraction


@dataclass(frozen=True)
class Packets:
    """When each packet of a stream begins, and how long it lasts by what the file states, in units of ``time_base``.

    Attributes:
        starts, lengths: int64, in the order of the file: two hours of sound take 5 MB.
    """

    time_base: Fraction
    starts: npt.NDArray[np.int64]
    lengths: npt.NDArray[np.int64]


@dataclass(frozen=True)
class StreamInfo:
    """A stream that is copied rather than interpolated.

    Attributes:
        kind: ``audio``, ``subtitle``, ``attachment``, ``data`` or ``video`` (cover art, a second video stream).
        start: first presentation time in seconds, None if unknown.
        duration: in seconds, None if unknown.
        dispositions: the stream's purpose, in ffmpeg's terms: ``default``, ``forced`` ...
        language: by its three letters; empty if it is not known.
        layout: of the channels of sound, in ffmpeg's terms: ``5.1(side)``; empty if it is not known.
        sample_rate: of sound, in Hz.
        packets: of sound; None if they have not been read.
    """

    index: int
    kind: str
    codec: str
    start: Fraction | None
    duration: Fraction | None
    attached_picture: bool = False
    dispositions: tuple[str, ...] = ()
    language: str = ""
    layout: str = ""
    sample_rate: int = 48_000
    packets: Packets | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True)
class Chapter:
    """A named part of a film, from ``start`` to ``end`` seconds; ``tags`` are (key, text) pairs, such as a title."""

    start: Fraction
    end: Fraction
    tags: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Section:
    """The part of a film that is used, in seconds of the film.

    Attributes:
        film_start: time of the film's first frame.
        number: number of the first frame that is used, counted from 0.
        first: time of the first frame that is used, as the film stores it.
        begin: time from which that frame is used: its own, or later if the part begins while it is shown.
        end: time at which the last frame ends.
        counted: whether the film is decoded from its start, and the first frame must have its number there, too.
        piece: whether the file is a piece of the film that begins shortly before.
    """

    film_start: Fraction
    number: int
    first: Fraction
    begin: Fraction
    end: Fraction
    counted: bool = False
    piece: bool = False

    @property
    def cuts_start(self) -> bool:
        """Whether any frame before the section is left out."""
        return self.begin > self.film_start


@dataclass(frozen=True)
class Piece:
    """A span of bytes of a file that has a clock of its own; ``length`` is from its start to the next one's."""

    begin: int
    end: int
    length: Fraction


@dataclass(frozen=True)
class ClipInfo:
    """A film's properties, from its headers and the packet list of its main video stream; nothing is decoded.

    Attributes:
        container: ffmpeg's name of the demuxer, e.g. ``mov,mp4,m4a,3gp,3g2,mj2``.
        decode_format: the format requested from the decoder: the same bytes as ``pixel_format``, under the name that
            makes ffmpeg leave the range alone (``yuvj420p`` for full-range ``yuv420p``); ``rgba`` for ``gbrap``.
        time_base: seconds per unit of the stream's own pts.
        rate: nominal rate in frames per second.
        packet_pts: presentation times of the shown packets in units of ``time_base``, sorted; the frames that a
            decoder returns are compared with them.
        decode_times_only: whether the container states when to decode a frame but not when to show it (AVI): the
            decoder's delay must then be subtracted.
        last_duration: seconds for which the last frame is shown.
        pixel_format: the format to which frames are decoded: the stream's own, or the nearest planar one.
        display_matrix: nine integers of the container's rotation and mirroring; None if there is no matrix.
        decoder: ffmpeg's decoder of the picture; None for the one that it chooses.
        field_order: in ffmpeg's terms; ``progressive`` if the file does not state it.
        deinterlace: ffmpeg's filter that makes progressive frames; None to use the frames as they are.
        section: the part to which times, streams and chapters have been limited; None for the whole film.
        pieces: spans of a file whose clock starts again; all times are those of the pieces one after the other.
        breaks: moments in seconds just before the picture of each piece but the first; each is a cut.
        notes: sentences on the file that a person should read.
        description: what the film says of itself beside all this.
    """

    path: Path
    source: Source
    container: str
    stream_index: int
    codec: str
    width: int
    height: int
    source_format: str
    decode_format: str
    pixel_format: PixelFormat
    colour: ColourTags
    light: LightInfo
    sample_aspect: Fraction | None
    display_matrix: tuple[int, ...] | None
    time_base: Fraction
    rate: Fraction
    packet_pts: tuple[int, ...] = field(repr=False)
    last_duration: Fraction
    variable_rate: bool
    decode_times_only: bool
    streams: tuple[StreamInfo, ...]
    chapters: tuple[Chapter, ...]
    field_order: str
    deinterlace: str | None = None
    section: Section | None = None
    pieces: tuple[Piece, ...] = ()
    breaks: tuple[Fraction, ...] = ()
    notes: tuple[str, ...] = ()
    description: Description = field(default=Description(), repr=False)
    decoder: str | None = None

    @property
    def upright_size(self) -> tuple[int, int]:
        """Width and height of the picture after the display matrix is applied."""
        turned = self.display_matrix is not None and self.display_matrix[0] == 0
        return (self.height, self.width) if turned else (self.width, self.height)

    def moved(self, path: Path) -> ClipInfo:
        """Return the same clip under another name."""
        return replace(self, path=path, source=self.source.moved(path))

    @property
    def interlaced(self) -> bool:
        """Whether the file is marked as interlaced, which may be wrong."""
        return self.field_order in {"tt", "bb", "tb", "bt"}

    @property
    def times(self) -> tuple[Fraction, ...]:
        """Presentation times of the shown packets in seconds."""
        return tuple(pts * self.time_base for pts in self.packet_pts)

    @property
    def start(self) -> Fraction:
        """First presentation time in seconds."""
        return self.packet_pts[0] * self.time_base

    @property
    def end(self) -> Fraction:
        """Time at which the last frame ends, in seconds."""
        return self.packet_pts[-1] * self.time_base + self.last_duration

    @property
    def duration(self) -> Fraction:
        """Seconds from the presentation of the first frame to the end of the last one."""
        return self.end - self.start

"""The values that flow from one stage to the next."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt

Plane = npt.NDArray[np.unsignedinteger]  # H x W samples, uint8 or uint16 (native order)
Image = npt.NDArray[np.float32]  # H x W x 3 RGB, nominally 0..1, not clipped
HALF = Fraction(1, 2)


class Chroma(Enum):
    """Chroma layout of a raw frame; the value is (horizontal, vertical) subsampling as a power of two."""

    GRAY = None
    C444 = (0, 0)
    C422 = (1, 0)
    C420 = (1, 1)
    RGB = "rgb"


@dataclass(frozen=True)
class PixelFormat:
    """How the samples of a raw frame lie in memory: planar, 8 bit in bytes, more in little-endian 16-bit words.

    Attributes:
        name: ffmpeg's name of the format, e.g. ``yuv420p10le``.
        chroma: layout of the planes. RGB stands for ffmpeg's planar G, B, R order.
        depth: bits a sample, 8 to 16.
        alpha: whether a last plane of full size says how opaque the picture is: 0 (clear) to the largest code.
    """

    name: str
    chroma: Chroma
    depth: int
    alpha: bool = False

    @property
    def dtype(self) -> type[np.uint8] | type[np.uint16]:
        """Numpy type of a sample."""
        return np.uint8 if self.depth == 8 else np.uint16

    def plane_shapes(self, width: int, height: int) -> tuple[tuple[int, int], ...]:
        """(height, width) of each plane of a picture of ``width`` x ``height``; odd sizes round chroma up."""
        full = ((height, width),)
        alpha = full if self.alpha else ()
        if self.chroma is Chroma.GRAY:
            return full
        if self.chroma is Chroma.RGB:
            return full * 3 + alpha
        across, down = self.chroma.value
        chroma = (-(-height >> down), -(-width >> across))
        return (*full, chroma, chroma, *alpha)

    @property
    def opaque(self) -> PixelFormat:
        """The same without alpha."""
        return named(self.chroma, self.depth, alpha=False) if self.alpha else self

    def frame_bytes(self, width: int, height: int) -> int:
        """Bytes of one raw picture."""
        sample = np.dtype(self.dtype).itemsize
        return sample * sum(h * w for h, w in self.plane_shapes(width, height))


STEMS = {
    Chroma.GRAY: "gray",
    Chroma.C420: "yuv420p",
    Chroma.C422: "yuv422p",
    Chroma.C444: "yuv444p",
    Chroma.RGB: "gbrp",
}
RICHNESS = (Chroma.GRAY, Chroma.C420, Chroma.C422, Chroma.C444, Chroma.RGB)  # the poorest first
DEPTHS = (8, 10, 12, 16)


def named(chroma: Chroma, depth: int, *, alpha: bool) -> PixelFormat:
    """The format as ffmpeg names it: ``gbrap``, ``yuva444p10le`` ..."""
    stem = STEMS[chroma]
    if alpha:
        stem = "gbrap" if chroma is Chroma.RGB else stem.replace("yuv", "yuva")
    return PixelFormat(stem if depth == 8 else f"{stem}{depth}le", chroma, depth, alpha)


def _formats() -> dict[str, PixelFormat]:
    plain = [named(chroma, depth, alpha=False) for chroma in STEMS for depth in DEPTHS]
    with_alpha = [
        named(chroma, depth, alpha=True)
        for chroma in STEMS
        for depth in DEPTHS
        if chroma is not Chroma.GRAY and (chroma, depth) != (Chroma.C420, 12)  # ffmpeg has none of these
    ]
    return {made.name: made for made in (*plain, *with_alpha)}


PIXEL_FORMATS: dict[str, PixelFormat] = _formats()


@dataclass(frozen=True)
class ColourTags:
    """Colour description of a stream in ffmpeg's words; None where the clip does not say.

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
    """The display that a film was graded on (SMPTE ST 2086).

    Attributes:
        red, green, blue, white: CIE 1931 (x, y).
        min_luminance, max_luminance: in candela a square metre.
    """

    red: tuple[Fraction, Fraction]
    green: tuple[Fraction, Fraction]
    blue: tuple[Fraction, Fraction]
    white: tuple[Fraction, Fraction]
    min_luminance: Fraction
    max_luminance: Fraction


@dataclass(frozen=True)
class ContentLight:
    """The brightest pixel and the brightest frame's mean, in candela a square metre (CTA-861.3)."""

    max_content: int
    max_average: int


@dataclass(frozen=True)
class LightInfo:
    """What a film says of its light beside the transfer curve.

    Attributes:
        dynamic: names of kinds of metadata that change from frame to frame, such as ``Dolby Vision``.
        needs_dynamic: the samples mean nothing without that.
    """

    mastering: MasteringDisplay | None = None
    content: ContentLight | None = None
    dynamic: tuple[str, ...] = ()
    needs_dynamic: bool = False


@dataclass(frozen=True)
class Frame:
    """One picture in the clip's own planes.

    Attributes:
        pts: presentation time in seconds, exact.
        planes: arrays of ``PixelFormat.plane_shapes``, read-only by convention: they are passed on, never changed.
        repeats: when the source shows it again, where that is to be smoothed over.
    """

    pts: Fraction
    planes: tuple[Plane, ...] = field(repr=False)
    repeats: tuple[Fraction, ...] = ()


class PairKind(Enum):
    """What lies between two neighbouring source frames."""

    MOTION = "motion"
    CUT = "cut"
    DUPLICATE = "duplicate"


@dataclass(frozen=True)
class Pair:
    """Two neighbouring source frames.

    Attributes:
        index: source frames before the left one.
        score: how unlike both are, 0 to 1, where that was looked at.
    """

    index: int
    left: Frame
    right: Frame
    kind: PairKind
    score: float | None = None

    @property
    def right_index(self) -> int:
        """Source frames before the right one."""
        return self.index + 1 + len(self.left.repeats)

    @property
    def length(self) -> Fraction:
        """Time from its left frame to its right one, in seconds."""
        return self.right.pts - self.left.pts


@dataclass(frozen=True)
class Tick:
    """One output frame to be: its time in seconds, and where it lies in its pair (0 is the left frame itself)."""

    pts: Fraction
    t: Fraction


@dataclass(frozen=True)
class Timing:
    """How output frames are timed.

    Attributes:
        time_base: exact times are multiples of this many seconds.
        rate: nominal frames a second.
        last_duration: seconds that the last frame is shown.
    """

    time_base: Fraction
    rate: Fraction
    last_duration: Fraction


@dataclass(frozen=True)
class StreamInfo:
    """A stream that is carried along rather than interpolated.

    Attributes:
        kind: ``audio``, ``subtitle``, ``attachment``, ``data`` or ``video`` (cover art, a second picture).
        start: first presentation time in seconds, None if unknown.
        duration: in seconds, None if unknown.
        dispositions: what it is meant for, in ffmpeg's words: ``default``, ``forced`` ...
    """

    index: int
    kind: str
    codec: str
    start: Fraction | None
    duration: Fraction | None
    attached_picture: bool = False
    dispositions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Chapter:
    """A named part of a film, from ``start`` to ``end`` seconds; ``tags`` are names and texts, such as a title."""

    start: Fraction
    end: Fraction
    tags: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Section:
    """The part of a film that is used, in seconds of the film.

    Attributes:
        film_start: time of the film's first frame.
        number: of the first frame that is used, counted from 0.
        first: time of the first frame that is used, as the film stores it.
        begin: from when on that one is used: its own time, or a later one where it is held for long.
        end: when the last one ends.
    """

    film_start: Fraction
    number: int
    first: Fraction
    begin: Fraction
    end: Fraction

    @property
    def cuts_start(self) -> bool:
        """Whether anything is left out before it."""
        return self.begin > self.film_start


@dataclass(frozen=True)
class Stills:
    """Pictures that are handed to ffmpeg one by one, since none of its demuxers is to open them, or can.

    Attributes:
        files: one a picture; a single one for an animation.
        decoder: ffmpeg's decoder of each file, None where they are decoded before.
        times: when each picture is shown, in seconds, whatever part of them is used.
        turn: ffmpeg's filters that turn them upright.
    """

    files: tuple[Path, ...] = field(repr=False)
    decoder: str | None
    times: tuple[Fraction, ...] = field(repr=False)
    turn: str | None = None


@dataclass(frozen=True)
class ClipInfo:
    """What a film is, from its headers and the packet list of its main video stream; nothing is decoded for it.

    Attributes:
        container: ffmpeg's name of the demuxer, e.g. ``mov,mp4,m4a,3gp,3g2,mj2``.
        decode_format: what the decoder is asked for: same bytes as ``pixel_format``, under the name that makes
            ffmpeg leave the range alone (``yuvj420p`` for full-range ``yuv420p``); ``rgba`` for ``gbrap``.
        time_base: seconds a unit of the stream's own pts.
        rate: nominal rate in frames a second.
        packet_pts: presentation times of the shown packets in units of ``time_base``, sorted; the frames that a
            decoder returns are compared with it.
        decode_times_only: the container says when to decode but not when to show a frame (AVI): the decoder's
            delay must be taken off again.
        last_duration: seconds that the last frame is shown.
        pixel_format: the format frames are decoded to: the stream's own, or the nearest planar one.
        display_matrix: nine integers of the container's rotation and mirroring, None without one.
        field_order: in ffmpeg's words; ``progressive`` if nothing is said.
        deinterlace: ffmpeg's filter that makes whole frames, None to take them as they are.
        section: what the times, streams and chapters have been limited to, None for the whole film.
        stills: the pictures of a sequence of images or of an animation that ffmpeg does not open by itself.
        plays: how often an animation is to be shown, 0 for ever; None for what is no animation.
    """

    path: Path
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
    stills: Stills | None = None
    plays: int | None = None

    @property
    def upright_size(self) -> tuple[int, int]:
        """Width and height of the picture after the display matrix is applied."""
        turned = self.display_matrix is not None and self.display_matrix[0] == 0
        return (self.height, self.width) if turned else (self.width, self.height)

    @property
    def is_drawn(self) -> bool:
        """Whether it is made of images, or an animation, rather than a film."""
        return self.stills is not None or self.plays is not None

    @property
    def interlaced(self) -> bool:
        """Whether it is marked as interlaced; it may not be."""
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
        """When the last frame ends, in seconds."""
        return self.packet_pts[-1] * self.time_base + self.last_duration

    @property
    def duration(self) -> Fraction:
        """From the first frame's appearance to the end of the last one, in seconds."""
        return self.end - self.start

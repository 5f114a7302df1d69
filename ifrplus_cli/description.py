"""What a film says of itself beside its samples, its colours and its streams."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True)
class TimecodeTag:
    """The timecode of a film's first frame.

    Attributes:
        text: ``hh:mm:ss:ff``, with a semicolon before the frames for drop-frame.
        rate: frames a second that it counts.
        reel: name of the tape or card.
    """

    text: str
    rate: Fraction
    reel: str | None = None


@dataclass(frozen=True)
class Projection:
    """How a picture is wrapped around the viewer.

    Attributes:
        kind: ``equirectangular``, ``tiled equirectangular``, ``cubemap`` ... in ffmpeg's words.
        pose: yaw, pitch and roll in degrees.
        bounds: of a tile: left, top, right and bottom as shares of the whole, of 2**32.
        padding: pixels around each face of a cube.
    """

    kind: str
    pose: tuple[int, int, int] = (0, 0, 0)
    bounds: tuple[int, int, int, int] = (0, 0, 0, 0)
    padding: int = 0


@dataclass(frozen=True)
class Stereo:
    """How the pictures of two eyes are packed into one.

    Attributes:
        kind: ``side by side``, ``top and bottom`` ... in ffmpeg's words.
        inverted: the right eye's comes first.
    """

    kind: str
    inverted: bool = False


@dataclass(frozen=True)
class Description:
    """What a film says of itself.

    Attributes:
        tags: names and texts of the file's tags.
        dispositions: of the picture, in ffmpeg's words: ``default`` ...
        language: of the picture, by its three letters; empty if it is not known.
        captions: whether closed captions (CEA-608 or 708) lie in its frames.
        crop: pixels that a player is to leave out on the left, top, right and bottom.
    """

    tags: tuple[tuple[str, str], ...] = ()
    dispositions: tuple[str, ...] = ()
    language: str = ""
    timecode: TimecodeTag | None = None
    projection: Projection | None = None
    stereo: Stereo | None = None
    captions: bool = False
    crop: tuple[int, int, int, int] | None = None

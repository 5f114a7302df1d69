"""How the samples of a raw frame lie in memory: ffmpeg's planar pixel formats."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np


class Chroma(Enum):
    """Chroma layout of a raw frame; the value is (horizontal, vertical) subsampling as a power of two."""

    GRAY = None
    C444 = (0, 0)
    C422 = (1, 0)
    C420 = (1, 1)
    RGB = "rgb"


@dataclass(frozen=True)
class PixelFormat:
    """Memory layout of the samples of a raw frame: planar; 8 bits in bytes, more in little-endian 16-bit words.

    Attributes:
        name: ffmpeg's name of the format, e.g. ``yuv420p10le``.
        chroma: layout of the planes. RGB stands for ffmpeg's planar G, B, R order.
        depth: bits per sample, 8 to 16.
        alpha: whether the last plane, of full size, is alpha: from 0 (transparent) to the largest code (opaque).
    """

    name: str
    chroma: Chroma
    depth: int
    alpha: bool = False

    @property
    def dtype(self) -> type[np.uint8] | type[np.uint16]:
        """NumPy type of a sample."""
        return np.uint8 if self.depth == 8 else np.uint16

    def plane_shapes(self, width: int, height: int) -> tuple[tuple[int, int], ...]:
        """Return the (height, width) of each plane of a ``width`` x ``height`` picture; odd sizes round chroma up."""
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
        """The same format without alpha."""
        return named(self.chroma, self.depth, alpha=False) if self.alpha else self

    def frame_bytes(self, width: int, height: int) -> int:
        """Return the bytes of one raw picture."""
        sample = np.dtype(self.dtype).itemsize
        return sample * sum(h * w for h, w in self.plane_shapes(width, height))


STEMS = {
    Chroma.GRAY: "gray",
    Chroma.C420: "yuv420p",
    Chroma.C422: "yuv422p",
    Chroma.C444: "yuv444p",
    Chroma.RGB: "gbrp",
}
RICHNESS = (Chroma.GRAY, Chroma.C420, Chroma.C422, Chroma.C444, Chroma.RGB)  # from the least colour detail to the most
DEPTHS = (8, 10, 12, 16)


def named(chroma: Chroma, depth: int, *, alpha: bool) -> PixelFormat:
    """Return the format with ffmpeg's name: ``gbrap``, ``yuva444p10le`` ..."""
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
        if chroma is not Chroma.GRAY and (chroma, depth) != (Chroma.C420, 12)  # ffmpeg has no such formats
    ]
    return {made.name: made for made in (*plain, *with_alpha)}


PIXEL_FORMATS: dict[str, PixelFormat] = _formats()

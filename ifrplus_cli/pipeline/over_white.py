"""The stage that lays frames over white where the output can't hold their alpha."""

from __future__ import annotations

from ifrplus_cli.frames.colour import over_white
from ifrplus_cli.pixel_formats import PixelFormat
from ifrplus_cli.values import Frame


class OverWhite:
    """Lays frames over white, and counts the frames that this changes.

    Attributes:
        covered: number of frames that were not opaque everywhere.
    """

    def __init__(self, own: PixelFormat, stored: PixelFormat, *, full_range: bool) -> None:
        """
        Args:
            own: format of the frames.
            stored: the same, or the same without alpha.
            full_range: whether YUV samples use the full range.
        """
        self.covered = 0
        self._own, self._full_range = own, full_range
        self._opaque = own != stored

    def __call__(self, frame: Frame) -> Frame:
        """Return the frame in the format that is stored."""
        if not self._opaque:
            return frame
        self.covered += bool((frame.planes[3] != 2**self._own.depth - 1).any())
        return Frame(frame.pts, over_white(frame.planes, self._own, full_range=self._full_range))

"""Convert YUV planes to RGB and back, for every matrix, range, bit depth and chroma layout.

Neither direction clips RGB values. A picture that the network returns unchanged therefore gets back exactly the samples
it had before, whether or not its colours lie inside the RGB cube.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
import numpy.typing as npt

from ifrplus_cli.pixel_formats import Chroma, PixelFormat
from ifrplus_cli.values import ColourTags, Frame, Image, Plane

_Matrix = npt.NDArray[np.float64]

# Weights (Kr, Kb) of red and blue in luma, by ffmpeg's name of the matrix; ITU-T H.273, table 4.
_LUMA_WEIGHTS = {
    "bt709": (0.2126, 0.0722),
    "fcc": (0.30, 0.11),
    "bt470bg": (0.299, 0.114),
    "smpte170m": (0.299, 0.114),
    "smpte240m": (0.212, 0.087),
    "bt2020nc": (0.2627, 0.0593),
    "bt2020c": (0.2627, 0.0593),
}
_YCGCO_NAMES = ("ycgco", "ycocg")
_HD_HEIGHT = 720


@dataclass(frozen=True)
class Converter:
    """Convert the pictures of one clip; create one converter per run.

    A missing or unknown matrix is treated as BT.601 below 720 lines and as BT.709 from 720 lines on, as players do. A
    missing range is treated as limited. Planar RGB is full range whatever its tags say.

    Attributes:
        pixel_format: layout and bit depth of the planes.
        tags: colour description of the stream; only matrix and range matter here.
        width: width of the picture in pixels.
        height: height of the picture in pixels.
    """

    pixel_format: PixelFormat
    tags: ColourTags
    width: int
    height: int

    def to_rgb(self, planes: tuple[Plane, ...]) -> Image:
        """Convert planes of ``pixel_format.plane_shapes`` to float32 H x W x 3 RGB, nominally 0..1, not clipped.

        If the format has alpha, the result is premultiplied: transparent pixels are black.
        """
        if self.pixel_format.alpha:
            return self._colours(planes[:3]) * self._alpha(planes)[:, :, np.newaxis]
        return self._colours(planes)

    def alpha_as_rgb(self, planes: tuple[Plane, ...]) -> Image:
        """Return alpha, the last of the planes, as float32 H x W x 3 grey from 0 (transparent) to 1 (opaque)."""
        alpha = self._alpha(planes)
        return cv2.merge([alpha, alpha, alpha])

    def _alpha(self, planes: tuple[Plane, ...]) -> npt.NDArray[np.float32]:
        return planes[3].astype(np.float32) / np.float32(self._largest)

    def _colours(self, planes: tuple[Plane, ...]) -> Image:
        black, span = self._luma_code
        if self.pixel_format.chroma is Chroma.GRAY:
            luma = (planes[0].astype(np.float32) - np.float32(black)) / np.float32(span)
            return cv2.merge([luma, luma, luma])
        if self.pixel_format.chroma is Chroma.RGB:
            green, blue, red = planes
            return cv2.merge([red, green, blue]).astype(np.float32) / np.float32(span)
        full = [planes[0], *(self._enlarge_chroma(plane) for plane in planes[1:])]
        return cv2.transform(cv2.merge(full).astype(np.float32), self._to_rgb)

    def to_planes(self, image: Image, alpha_as_rgb: Image | None = None) -> tuple[Plane, ...]:
        """Convert float32 H x W x 3 RGB to planes, rounded and clipped to the codes that the bit depth allows.

        Args:
            image: RGB, premultiplied if the format has alpha.
            alpha_as_rgb: the alpha by which ``image`` is multiplied, H x W x 3; required for formats with alpha.
        """
        if not self.pixel_format.alpha:
            return self._planes(image)
        assert alpha_as_rgb is not None
        alpha = self._quantise(cv2.extractChannel(alpha_as_rgb, 1) * np.float32(self._largest))
        straight = image / np.maximum(alpha_as_rgb, np.float32(0.5 / self._largest))
        return (*self._planes(straight), alpha)

    def _planes(self, image: Image) -> tuple[Plane, ...]:
        if self.pixel_format.chroma is Chroma.GRAY:
            return (self._quantise(cv2.transform(image, self._to_codes[:1])),)
        if self.pixel_format.chroma is Chroma.RGB:
            _, span = self._luma_code
            red, green, blue = cv2.split(image * np.float32(span))
            return tuple(self._quantise(channel) for channel in (green, blue, red))
        luma, *chroma = cv2.split(cv2.transform(image, self._to_codes))
        return (self._quantise(luma), *(self._quantise(self._reduce_chroma(plane)) for plane in chroma))

    @cached_property
    def _luma_code(self) -> tuple[float, float]:
        """(code of black, codes from black to white); ITU-T H.273, 8.3, equations for limited and full range."""
        if self._full_range:
            return 0.0, self._largest
        step = 2 ** (self.pixel_format.depth - 8)
        return 16.0 * step, 219.0 * step

    @property
    def _largest(self) -> float:
        """The largest code that a sample can have."""
        return float(2**self.pixel_format.depth - 1)

    @property
    def _full_range(self) -> bool:
        return self.pixel_format.chroma is Chroma.RGB or self.tags.range == "pc"

    @cached_property
    def _to_codes(self) -> npt.NDArray[np.float32]:
        """3 x 4 affine map from RGB to codes of Y, Cb, Cr (or Y, Cg, Co)."""
        return self._affine_to_codes.astype(np.float32)

    @cached_property
    def _to_rgb(self) -> npt.NDArray[np.float32]:
        """3 x 4 affine map from codes to RGB, the inverse of ``_to_codes``."""
        linear = np.linalg.inv(self._affine_to_codes[:, :3])
        constant = -linear @ self._affine_to_codes[:, 3:]
        return np.hstack([linear, constant]).astype(np.float32)

    @cached_property
    def _affine_to_codes(self) -> _Matrix:
        offset, luma_scale = self._luma_code
        depth = self.pixel_format.depth
        chroma_scale = luma_scale if self._full_range else 224.0 * 2 ** (depth - 8)
        middle = float(2 ** (depth - 1))
        scales = np.array([[luma_scale], [chroma_scale], [chroma_scale]])
        offsets = np.array([[offset], [middle], [middle]])
        return np.hstack([_matrix(self.tags.matrix, self.height) * scales, offsets])

    def _enlarge_chroma(self, plane: Plane) -> Plane:
        """Repeat each chroma sample over the pixels that share it: the exact inverse of ``_reduce_chroma``."""
        across, down = self._subsampling
        if (across, down) == (1, 1):
            return plane
        height, width = plane.shape
        full = cv2.resize(plane, (width * across, height * down), interpolation=cv2.INTER_NEAREST)
        return full[: self.height, : self.width]

    def _reduce_chroma(self, plane: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Average full-size chroma over the pixels that share a sample; repeat the edge of an odd size."""
        across, down = self._subsampling
        if (across, down) == (1, 1):
            return plane
        odd_rows, odd_columns = self.height % down, self.width % across
        if odd_rows or odd_columns:
            plane = cv2.copyMakeBorder(plane, 0, odd_rows, 0, odd_columns, cv2.BORDER_REPLICATE)
        height, width = plane.shape
        return cv2.resize(plane, (width // across, height // down), interpolation=cv2.INTER_AREA)

    @property
    def _subsampling(self) -> tuple[int, int]:
        """Number of pixels that share a chroma sample, (horizontally, vertically)."""
        across, down = self.pixel_format.chroma.value
        return 1 << across, 1 << down

    def _quantise(self, plane: npt.NDArray[np.float32]) -> Plane:
        if self.pixel_format.depth == 8:
            return cv2.add(plane, 0.0, dtype=cv2.CV_8U)  # rounds and saturates in one pass
        rounded = cv2.add(plane, 0.0, dtype=cv2.CV_16U)
        return np.minimum(rounded, np.uint16(2**self.pixel_format.depth - 1), out=rounded)


def assumed_matrix(height: int) -> str:
    """Return ffmpeg's name of the matrix that players assume where a stream states none."""
    return "smpte170m" if height < _HD_HEIGHT else "bt709"


def _matrix(name: str | None, height: int) -> _Matrix:
    """3 x 3 matrix from RGB in 0..1 to luma in 0..1 and two colour differences in -0.5..0.5; ITU-T H.273, 8.3."""
    if name in _YCGCO_NAMES:
        return np.array([[0.25, 0.5, 0.25], [-0.25, 0.5, -0.25], [0.5, 0.0, -0.5]])
    unspecified = assumed_matrix(height)
    red, blue = _LUMA_WEIGHTS.get(name or unspecified, _LUMA_WEIGHTS[unspecified])
    luma = np.array([red, 1 - red - blue, blue])
    blue_difference = (np.array([0, 0, 1]) - luma) / (2 * (1 - blue))
    red_difference = (np.array([1, 0, 0]) - luma) / (2 * (1 - red))
    return np.array([luma, blue_difference, red_difference])


def over_white(planes: tuple[Plane, ...], pixel_format: PixelFormat, *, full_range: bool) -> tuple[Plane, ...]:
    """Composite planes with alpha over white, and return the colour planes without alpha.

    Args:
        full_range: whether YUV codes are full range.
    """
    alpha = planes[3].astype(np.float32) / np.float32(2**pixel_format.depth - 1)
    return tuple(
        np.rint(plane * (share := _shrunk(alpha, plane)) + (1 - share) * white).astype(plane.dtype)
        for plane, white in zip(planes[:3], _white(pixel_format, full_range=full_range), strict=True)
    )


def _shrunk(alpha: npt.NDArray[np.float32], plane: Plane) -> npt.NDArray[np.float32]:
    """Return alpha, resized to the size of a (chroma) plane."""
    height, width = plane.shape
    return alpha if alpha.shape == plane.shape else cv2.resize(alpha, (width, height), interpolation=cv2.INTER_AREA)


def _white(pixel_format: PixelFormat, *, full_range: bool) -> tuple[float, float, float]:
    """Return the code of white in each plane."""
    largest, step = 2.0**pixel_format.depth - 1, 2.0 ** (pixel_format.depth - 8)
    if pixel_format.chroma is Chroma.RGB:
        return largest, largest, largest
    return (largest if full_range else 235 * step), 128 * step, 128 * step


class RgbMemory:
    """Cache of the images of the last few frames: each frame is converted once, and always gives the same object."""

    def __init__(self, convert: Callable[[tuple[Plane, ...]], Image], frames: int) -> None:
        self._convert = convert
        self._images: deque[tuple[Frame, Image]] = deque(maxlen=frames)

    def __call__(self, frame: Frame) -> Image:
        """Convert the frame's planes, or return the cached image."""
        for seen, image in self._images:
            if seen is frame:
                return image
        self._images.append((frame, self._convert(frame.planes)))
        return self._images[-1][1]

"""Fit pictures of any size to a network: pad to its multiple, split into equal overlapping tiles, merge them again.

Padding repeats the edge to the right and below, so that source pixels keep their coordinates.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from ifrplus_cli.errors import IfrplusError

LARGEST_WHOLE = 1920 * 1088  # pixels of the largest picture that is not split
TILE_SIZES = ((1920, 1024), (1280, 704), (960, 512), (640, 384))  # longer and shorter side in pixels


@dataclass(frozen=True)
class TileAxis:
    """Equal tiles along one axis, in pixels of the padded picture: origins and length are multiples of the multiple."""

    padded: int
    length: int
    origins: tuple[int, ...]

    def shrunk(self, factor: int) -> TileAxis:
        """Return the tiles at 1 / ``factor`` of the size."""
        origins = tuple(origin // factor for origin in self.origins)
        return TileAxis(self.padded // factor, self.length // factor, origins)

    @cached_property
    def weights(self) -> npt.NDArray[np.float32]:
        """Tiles x length: raised-cosine ramps over every overlap; at each pixel the weights of all tiles sum to one."""
        overlaps = [left + self.length - right for left, right in pairwise(self.origins)]
        weights = np.ones((len(self.origins), self.length))
        for index, overlap in enumerate(overlaps):
            ramp = np.sin(np.pi / 2 * (np.arange(overlap) + 0.5) / overlap) ** 2
            weights[index + 1, :overlap] *= ramp
            weights[index, self.length - overlap :] *= ramp[::-1]
        total = np.zeros(self.padded)
        for origin, weight in zip(self.origins, weights, strict=True):
            total[origin : origin + self.length] += weight
        weights /= [total[origin : origin + self.length] for origin in self.origins]
        return weights.astype(np.float32)


@dataclass(frozen=True)
class TilePlan:
    """Positions of the tiles of a picture, laid out once per run by ``plan_tiles``.

    Attributes:
        height: height of the picture in pixels.
        width: width of the picture in pixels.
        rows: tiles from top to bottom.
        columns: tiles from left to right.
    """

    height: int
    width: int
    rows: TileAxis
    columns: TileAxis

    @property
    def padded_size(self) -> tuple[int, int]:
        """(height, width) of the padded picture, multiples of the network's multiple."""
        return self.rows.padded, self.columns.padded

    @property
    def tile_size(self) -> tuple[int, int]:
        """(height, width) of every tile, multiples of the network's multiple."""
        return self.rows.length, self.columns.length

    @property
    def origins(self) -> tuple[tuple[int, int], ...]:
        """(y, x) of the tiles' upper left corners in reading order, multiples of the network's multiple."""
        return tuple((y, x) for y in self.rows.origins for x in self.columns.origins)

    @property
    def count(self) -> int:
        """Number of tiles."""
        return len(self.rows.origins) * len(self.columns.origins)

    def shrunk(self, factor: int) -> TilePlan:
        """Return the tiles of the picture at 1 / ``factor`` of its size, which divides the network's multiple.

        The picture's own sides are rounded up.
        """
        rows, columns = self.rows.shrunk(factor), self.columns.shrunk(factor)
        return replace(
            self, height=-(-self.height // factor), width=-(-self.width // factor), rows=rows, columns=columns
        )

    def split(self, array: npt.NDArray, *, channels_first: bool = False, scale: int = 1) -> npt.NDArray:
        """Pad an array and cut it into tiles.

        Args:
            array: H x W x C of any dtype. H and W are those of the picture, or anything up to those of the padded
                picture, divided by ``scale``.
            channels_first: whether the array is C x H x W.
            scale: how many times smaller than the picture the array is; divides the network's multiple.

        Returns:
            N x h x w x C (N x C x h x w), tiles in the order of ``origins``; a view if there is one tile and
            nothing to pad.

        Raises:
            ValueError: if the array is larger than the padded picture.
        """
        picture = np.moveaxis(array, 0, -1) if channels_first else array
        padded = self._pad(picture, scale)
        height, width = (length // scale for length in self.tile_size)
        corners = [(y // scale, x // scale) for y, x in self.origins]
        if self.count == 1:
            tiles = padded[np.newaxis]
        else:
            tiles = np.stack([padded[y : y + height, x : x + width] for y, x in corners])
        return np.moveaxis(tiles, -1, 1) if channels_first else tiles

    def cut(self, picture: npt.NDArray, number: int) -> npt.NDArray:
        """Return a view of the part of an H x W x C picture that a tile shows, without padding."""
        (top, left), (height, width) = self.origins[number], self.tile_size
        return picture[top : top + height, left : left + width]

    def merge_planes(self, tiles: npt.NDArray) -> npt.NDArray:
        """Blend N x C x h x w float tiles, in the order of ``origins``, and crop: C x H x W of the same dtype."""
        if self.count == 1:
            return tiles[0, :, : self.height, : self.width]
        channels = (self.merge(plane[..., np.newaxis])[..., 0] for plane in np.moveaxis(tiles, 1, 0))
        return np.stack(list(channels))

    def merge(self, tiles: npt.NDArray) -> npt.NDArray:
        """Blend N x h x w x C float tiles, in the order of ``origins``, and crop: H x W x C of the same dtype."""
        if self.count == 1:
            return tiles[0, : self.height, : self.width]
        merged = np.zeros((*self.padded_size, tiles.shape[-1]), tiles.dtype)
        height, width = self.tile_size
        for (y, x), weight, tile in zip(self.origins, self._weights(), tiles, strict=True):
            merged[y : y + height, x : x + width] += tile * weight[..., np.newaxis]
        return merged[: self.height, : self.width]

    def _weights(self) -> Iterator[npt.NDArray[np.float32]]:
        return (np.outer(row, column) for row in self.rows.weights for column in self.columns.weights)

    def _pad(self, picture: npt.NDArray, scale: int) -> npt.NDArray:
        below, right = (
            padded // scale - size for padded, size in zip(self.padded_size, picture.shape[:2], strict=True)
        )
        return np.pad(picture, ((0, below), (0, right), (0, 0)), mode="edge") if below or right else picture


def plan_tiles(height: int, width: int, *, multiple: int, tile: tuple[int, int] | None, overlap: int) -> TilePlan:
    """Lay out as few tiles as possible, all of one shape and no larger than needed to share the picture evenly.

    Args:
        height: height of the picture in pixels.
        width: width of the picture in pixels.
        multiple: the network takes heights and widths that are multiples of it.
        tile: maximum tile size (width, height) in pixels; None for the whole picture in one tile.
        overlap: least overlap of neighbouring tiles in pixels; rounded up to the multiple.

    Raises:
        IfrplusError: if the picture has to be split, and the tile is smaller than the multiple or twice the overlap.
    """
    tile_width, tile_height = tile or (None, None)
    rows = _plan_axis(height, multiple, tile_height, overlap)
    columns = _plan_axis(width, multiple, tile_width, overlap)
    return TilePlan(height, width, rows, columns)


def auto_tiles(height: int, width: int) -> Iterator[tuple[int, int] | None]:
    """Yield maximum tile sizes (width, height), from the best for a picture to the one that needs the least memory.

    A picture of up to 1920 x 1088, upright or lying, is best run whole (None); larger ones in tiles of 1920 x 1024.
    """
    if height * width <= LARGEST_WHOLE:
        yield None
    for longer, shorter in TILE_SIZES:
        yield (longer, shorter) if width >= height else (shorter, longer)


def _plan_axis(size: int, multiple: int, tile: int | None, overlap: int) -> TileAxis:
    padded = _round_up(size, multiple)
    if tile is None or padded <= tile:
        return TileAxis(padded, padded, (0,))
    longest = tile // multiple * multiple
    overlap = _round_up(overlap, multiple)
    _check_tile(tile, longest, multiple, overlap)
    count = -(-(padded - overlap) // (longest - overlap))
    length = _round_up(-(-(padded + (count - 1) * overlap) // count), multiple)
    free = (padded - length) // multiple
    origins = tuple(index * free // (count - 1) * multiple for index in range(count))
    return TileAxis(padded, length, origins)


def _check_tile(tile: int, longest: int, multiple: int, overlap: int) -> None:
    if longest == 0:
        raise IfrplusError(
            f"A tile of {tile} pixels is smaller than {multiple}, the smallest that the network takes.",
            f"Choose tiles of at least {max(multiple, 2 * overlap)} pixels a side.",
        )
    if longest < 2 * overlap:
        raise IfrplusError(
            f"A tile of {tile} pixels is smaller than twice the overlap of {overlap} (in multiples of {multiple}).",
            f"Choose tiles of at least {2 * overlap} pixels a side, or a smaller --tile-overlap.",
        )


def _round_up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple

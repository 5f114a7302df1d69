"""Augment training examples: crop, scale, mirror, transpose, swap colours, reverse time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from ifrplus_cli.frames.flow import GRID
from ifrplus_cli.frames.pictures import Picture

Flows = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Example:
    """A triplet with everything from which a network learns.

    Attributes:
        left, true, right: (H, W, 3) uint8 RGB; H and W are multiples of 4.
        t: timestep of the true frame, in (0, 1).
        flows: (8, H/4, W/4) float32 in pixels of the pictures, x and y, from the true frame to the left and to the
            right one: those of ``flow.py``, then those of a teacher, which knows the true frame.
    """

    left: Picture
    true: Picture
    right: Picture
    t: float
    flows: Flows


@dataclass(frozen=True)
class Augmentation:
    """Probability of each change.

    Attributes:
        anywhere: whether crops are taken at random positions rather than in the middle.
    """

    enlarge: float = 0.1  # up to twice the size
    vertical: float = 0.3
    horizontal: float = 0.5
    transpose: float = 0.05
    channels: float = 0.5
    backwards: float = 0.5
    anywhere: bool = True

    @classmethod
    def none(cls) -> Augmentation:
        """Leave every example as it is."""
        return cls(0, 0, 0, 0, 0, 0, anywhere=False)


def augmented(example: Example, crop: int, chances: Augmentation, draw: np.random.Generator) -> Example:
    """Return a part of ``crop`` x ``crop`` pixels, changed at random."""
    if not chances.anywhere:
        return middle_part(example, crop)
    side = crop
    if draw.random() < chances.enlarge:
        side = GRID * int(draw.integers(-(-crop // (2 * GRID)), crop // GRID + 1))
    height, width = example.true.shape[:2]
    top, left = (GRID * int(draw.integers((whole - side) // GRID + 1)) for whole in (height, width))
    example = enlarged(part(example, top, left, side), crop)
    for chance, change in (
        (chances.vertical, upside_down),
        (chances.horizontal, mirrored),
        (chances.transpose, transposed),
        (chances.channels, recoloured),
        (chances.backwards, backwards),
    ):
        if draw.random() < chance:
            example = change(example)
    return example


def middle_part(example: Example, crop: int) -> Example:
    """Return the ``crop`` x ``crop`` pixels in the middle."""
    height, width = example.true.shape[:2]
    return part(example, (height - crop) // 2 // GRID * GRID, (width - crop) // 2 // GRID * GRID, crop)


def part(example: Example, top: int, left: int, side: int) -> Example:
    """Return a square part; position and side are multiples of 4."""
    rows, columns = slice(top, top + side), slice(left, left + side)
    cells = np.s_[:, top // GRID : (top + side) // GRID, left // GRID : (left + side) // GRID]
    return _made(example, lambda picture: picture[rows, columns], example.flows[cells])


def enlarged(example: Example, side: int) -> Example:
    """Enlarge a square example to ``side`` x ``side`` pixels."""
    before = example.true.shape[0]
    if before == side:
        return example
    cells = (side // GRID, side // GRID)
    flows = np.stack([cv2.resize(plane, cells, interpolation=cv2.INTER_LINEAR) for plane in example.flows])
    return _made(
        example,
        lambda picture: cv2.resize(picture, (side, side), interpolation=cv2.INTER_CUBIC),
        flows * np.float32(side / before),
    )


def upside_down(example: Example) -> Example:
    flows = example.flows[:, ::-1].copy()
    flows[1::2] *= -1
    return _made(example, lambda picture: picture[::-1], flows)


def mirrored(example: Example) -> Example:
    flows = example.flows[:, :, ::-1].copy()
    flows[0::2] *= -1
    return _made(example, lambda picture: picture[:, ::-1], flows)


def transposed(example: Example) -> Example:
    flows = example.flows.transpose(0, 2, 1)[[1, 0, 3, 2, 5, 4, 7, 6]]
    return _made(example, lambda picture: picture.transpose(1, 0, 2), flows)


def recoloured(example: Example) -> Example:
    """Exchange red and blue."""
    return _made(example, lambda picture: picture[..., ::-1], example.flows)


def backwards(example: Example) -> Example:
    """Exchange left and right."""
    flows = example.flows[[2, 3, 0, 1, 6, 7, 4, 5]]
    return Example(example.right, example.true, example.left, 1 - example.t, flows)


def _made(example: Example, change: Callable[[Picture], Picture], flows: Flows) -> Example:
    return Example(change(example.left), change(example.true), change(example.right), example.t, flows)

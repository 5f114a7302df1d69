"""Features of a frame, by the part of a network that sees one frame alone: once a frame, though two pairs need them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Lock

import numpy as np
import numpy.typing as npt

from ifrplus_cli.frames.motion_box import Box
from ifrplus_cli.network.tiling import TilePlan
from ifrplus_cli.values import Image

Batch = npt.NDArray[np.float32]


class FrameFeatures:
    """Computes the features of a frame when they are first needed; other threads that need them wait.

    Args:
        image: float32 H x W x 3 RGB.
        encode: returns the features, (1, C, h/2, w/2), of a (1, 3, h, w) picture.
    """

    def __init__(self, image: Image, encode: Callable[[Batch], Batch]) -> None:
        self.image = image
        self._encode = encode
        self._lock = Lock()
        self._box: Box | None = None
        self._known: dict[int, Batch] = {}  # by number of the tile, of the last box

    def of(self, box: Box, tiles: TilePlan, numbers: Sequence[int]) -> Batch:
        """Return the features of some tiles, by their numbers, of a part of the frame: (n, C, h/2, w/2)."""
        with self._lock:
            if box != self._box:  # its two pairs may differ in what moves
                self._box, self._known = box, {}
            missing = [number for number in numbers if number not in self._known]
            if missing:
                pictures = tiles.split(box.cut(self.image))
                self._known |= {n: self._encode(pictures[n : n + 1].transpose(0, 3, 1, 2)) for n in missing}
            found = [self._known[number] for number in numbers]
        return found[0] if len(found) == 1 else np.concatenate(found)

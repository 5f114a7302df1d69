"""One layer of the picture that goes through the network: its colours, or its alpha as grey."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction

from ifrplus_cli.frames.colour import RgbMemory
from ifrplus_cli.network.interpolator import ALONE, FRAMES_SEEN, Interpolator, MadeFrame, Motion, surroundings
from ifrplus_cli.pipeline.slots import Slot
from ifrplus_cli.pipeline.stage_clock import StageClock
from ifrplus_cli.values import Image, Plane


class Layer:
    """Finds the motion of a layer, then makes the frames in between."""

    def __init__(
        self, interpolate: Interpolator, convert: Callable[[tuple[Plane, ...]], Image], clock: StageClock
    ) -> None:
        """
        Args:
            convert: returns the layer of a frame's planes as float32 H x W x 3 RGB.
        """
        self._interpolate = interpolate
        self._image_of = RgbMemory(convert, FRAMES_SEEN)
        self._clock = clock

    def look(self, slot: Slot) -> Motion:
        """Find the motion from the slot's frame to the next one."""
        pair, image_of = slot.pair, self._image_of
        assert pair is not None
        with self._clock("colour"):
            left, right = image_of(pair.left), image_of(pair.right)
            looks_around = self._interpolate.looks_around
            around = surroundings(slot.before, pair, slot.after, image_of) if looks_around else ALONE
        with self._clock("flow"):
            return self._interpolate.look(left, right, around)

    def make(self, motion: Motion, timesteps: Sequence[Fraction]) -> list[MadeFrame]:
        """Make the frames at some timesteps; several threads may call this at the same time."""
        with self._clock("network"):
            return self._interpolate.make(motion, timesteps)

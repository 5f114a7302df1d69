"""Slots get the frames that the network makes for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ifrplus_cli.frames.colour import Converter
from ifrplus_cli.network.interpolator import Interpolator, LoadedModel, MadeFrame, Motion
from ifrplus_cli.pipeline.layer import Layer
from ifrplus_cli.pipeline.slots import Slot
from ifrplus_cli.pipeline.stage_clock import StageClock
from ifrplus_cli.values import Image, Plane


@dataclass(frozen=True)
class LookedSlot:
    """A slot with the motion that was found for it.

    Attributes:
        colours, alpha: motion of these; None where nothing is made, or nothing is clear.
    """

    slot: Slot
    colours: Motion | None = None
    alpha: Motion | None = None


@dataclass(frozen=True)
class FilledSlot:
    """A slot with the frames that were made for it.

    Attributes:
        made: the planes of each, in the order of ``slot.made``.
        seen: the left frame, each made one and the right frame as the network has them, where a report is wanted.
    """

    slot: Slot
    made: tuple[tuple[Plane, ...], ...] = ()
    seen: tuple[tuple[Image, MadeFrame, Image], ...] = ()


class SlotFiller:
    """Looks at the motion of slots one by one, and fills many of them at the same time."""

    def __init__(
        self, model: LoadedModel, convert: Converter, *, doubt: bool, clock: StageClock, keeps_seen: bool = False
    ) -> None:
        """
        Args:
            doubt: let made frames fall back towards the source frames where they are in doubt.
            keeps_seen: for a report.
        """
        self._convert, self._clock, self._keeps_seen = convert, clock, keeps_seen
        self._colours = Layer(Interpolator(model, doubt=doubt), convert.to_rgb, clock)
        has_alpha = convert.pixel_format.alpha
        self._alpha = Layer(Interpolator(model), convert.alpha_as_rgb, clock) if has_alpha else None

    def look(self, slot: Slot) -> LookedSlot:
        """Find the motion of a slot in which anything is made; slots must come in order."""
        if not slot.made:
            return LookedSlot(slot)
        colours = self._colours.look(slot)
        return LookedSlot(slot, colours, self._alpha.look(slot) if self._alpha else None)

    def fill(self, looked: LookedSlot) -> FilledSlot:
        """Make the frames of a slot; many may be filled at the same time."""
        slot, motion = looked.slot, looked.colours
        if motion is None:
            return FilledSlot(slot)
        steps = [tick.t for tick in slot.made]
        made = self._colours.make(motion, steps)
        alphas: Sequence[MadeFrame | None] = [None] * len(made)
        if self._alpha and looked.alpha:
            alphas = self._alpha.make(looked.alpha, steps)
        with self._clock("colour"):
            planes = [
                self._convert.to_planes(frame.image, alpha.image if alpha else None)
                for frame, alpha in zip(made, alphas, strict=True)
            ]
        seen = [(motion.left, frame, motion.right) for frame in made] if self._keeps_seen else []
        return FilledSlot(slot, tuple(planes), tuple(seen))

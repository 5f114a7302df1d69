"""The stage that fills slots with the frames that the network makes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ifrplus_cli.frames.colour import Converter
from ifrplus_cli.network.interpolator import Interpolator, LoadedModel, MadeFrame, Motion
from ifrplus_cli.pipeline.layer import Layer
from ifrplus_cli.pipeline.sharpness import Sharpness
from ifrplus_cli.pipeline.slots import Slot
from ifrplus_cli.pipeline.stage_clock import StageClock
from ifrplus_cli.values import Image, Plane


@dataclass(frozen=True)
class SlotMotion:
    """The motion that was found for a slot.

    Attributes:
        colours: motion of the colours; None if no frame is made.
        alpha: motion of the alpha channel; None if no frame is made, or there is no alpha.
    """

    slot: Slot
    colours: Motion | None = None
    alpha: Motion | None = None


@dataclass(frozen=True)
class FilledSlot:
    """A slot with the frames that were made for it.

    Attributes:
        made: the planes of each made frame, in the order of ``slot.made``.
        seen: for each made frame the left, made and right images of the network; empty unless a report is wanted.
    """

    slot: Slot
    made: tuple[tuple[Plane, ...], ...] = ()
    seen: tuple[tuple[Image, MadeFrame, Image], ...] = ()


class SlotFiller:
    """Finds the motion of one slot after the other, and fills several slots at the same time."""

    def __init__(
        self,
        model: LoadedModel,
        convert: Converter,
        *,
        clock: StageClock,
        keeps_seen: bool = False,
        sharpness: Sharpness | None = None,
    ) -> None:
        """
        Args:
            clock: measures the time of each stage.
            keeps_seen: whether to keep the network's images, and to estimate doubt, for a report.
            sharpness: sees the first made frame of each slot.
        """
        self._convert, self._clock, self._keeps_seen, self._sharpness = convert, clock, keeps_seen, sharpness
        self._colours = Layer(Interpolator(model, doubt=keeps_seen), convert.to_rgb, clock)
        has_alpha = convert.pixel_format.alpha
        self._alpha = Layer(Interpolator(model), convert.alpha_as_rgb, clock) if has_alpha else None

    def look(self, slot: Slot) -> SlotMotion:
        """Find the motion of a slot if it has frames to make; slots must come in order."""
        if not slot.made:
            return SlotMotion(slot)
        colours = self._colours.look(slot)
        return SlotMotion(slot, colours, self._alpha.look(slot) if self._alpha else None)

    def fill(self, found: SlotMotion) -> FilledSlot:
        """Make the frames of a slot; several slots may be filled at the same time."""
        slot, motion = found.slot, found.colours
        if motion is None:
            return FilledSlot(slot)
        steps = [tick.t for tick in slot.made]
        made = self._colours.make(motion, steps)
        alphas: Sequence[MadeFrame | None] = [None] * len(made)
        if self._alpha and found.alpha:
            alphas = self._alpha.make(found.alpha, steps)
        if self._sharpness and made:
            self._sharpness.see(motion.left, made[0].image, motion.right)
        with self._clock("colour"):
            planes = [
                self._convert.to_planes(frame.image, alpha.image if alpha else None)
                for frame, alpha in zip(made, alphas, strict=True)
            ]
        seen = [(motion.left, frame, motion.right) for frame in made] if self._keeps_seen else []
        return FilledSlot(slot, tuple(planes), tuple(seen))

"""The output frames that belong to each source frame, from its own time to that of the next one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

from ifrplus_cli.frames.pairing import with_neighbours
from ifrplus_cli.frames.timeline import Timeline, span_ticks
from ifrplus_cli.values import Frame, Pair, PairKind, Tick


@dataclass(frozen=True)
class Slot:
    """The output frames from a source frame up to the next.

    Attributes:
        frame: the source frame.
        ticks: all output frames of the slot.
        wanted: the output frames that no earlier run has written.
        pair: the frame and the next one; None for the last frame, which is held.
        before, after: the pairs before and after this one, if they are in motion.
    """

    frame: Frame
    ticks: tuple[Tick, ...]
    wanted: tuple[Tick, ...]
    pair: Pair | None = None
    before: Pair | None = None
    after: Pair | None = None

    @property
    def made(self) -> tuple[Tick, ...]:
        """The wanted frames that the network makes."""
        return self._between(self.wanted)

    @property
    def made_before(self) -> tuple[Tick, ...]:
        """The frames that the network made in an earlier run."""
        return self._between(self.ticks[: len(self.ticks) - len(self.wanted)])

    def _between(self, ticks: tuple[Tick, ...]) -> tuple[Tick, ...]:
        in_motion = self.pair is not None and self.pair.kind is PairKind.MOTION
        return tuple(tick for tick in ticks if tick.t > 0) if in_motion else ()


def slots_of(
    first: Frame, pairs: Iterable[Pair], timeline: Timeline, last_duration: Fraction, lead_in: Pair | None = None
) -> Iterator[Slot]:
    """Yield the slot of each pair, then that of the last frame, unless it is that of a seam.

    Args:
        first: the film's first frame, which may be its only one.
        last_duration: how long the last frame is shown, in seconds.
        lead_in: the pair before the first one, in a loop.
    """
    last, index = first, 0
    for before, pair, after in with_neighbours(pairs, lead_in):
        ticks = tuple(span_ticks(timeline, pair.index, (pair.left.pts, *pair.left.repeats, pair.right.pts)))
        yield Slot(pair.left, ticks, ticks, pair, before, after)
        if pair.seam:
            return
        last, index = pair.right, pair.right_index
    held = timeline.ticks(index, last.pts, last.pts + last_duration)
    yield Slot(last, held, held)


def skip_kept(slots: Iterable[Slot], kept: int) -> Iterator[Slot]:
    """Yield the slots; the first ``kept`` output frames are not wanted, because an earlier run wrote them."""
    for slot in slots:
        yield replace(slot, wanted=slot.ticks[kept:])
        kept = max(0, kept - len(slot.ticks))

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
        wanted: the output frames that this run writes.
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
    def made_elsewhere(self) -> tuple[Tick, ...]:
        """The frames of the slot that the network makes in another run, or in another section of the film."""
        wanted = {tick.pts for tick in self.wanted}
        return self._between(tuple(tick for tick in self.ticks if tick.pts not in wanted))

    def made_within(self, begin: int, end: int | None) -> tuple[Tick, ...]:
        """Return the frames that a network makes among the output frames from ``begin`` to before ``end``."""
        return self._between(self.ticks[max(0, begin) : None if end is None else max(0, end)])

    def _between(self, ticks: tuple[Tick, ...]) -> tuple[Tick, ...]:
        in_motion = self.pair is not None and self.pair.kind is PairKind.MOTION
        return tuple(tick for tick in ticks if tick.t > 0) if in_motion else ()


@dataclass(frozen=True)
class Wanted:
    """The output frames that a run writes, counted from the first frame that it reads; ``end`` None for the last."""

    begin: int = 0
    end: int | None = None


def slots_of(
    first: Frame,
    pairs: Iterable[Pair],
    timeline: Timeline,
    last_duration: Fraction,
    lead_in: Pair | None = None,
    number: int = 0,
) -> Iterator[Slot]:
    """Yield the slot of each pair, then that of the last frame, unless it is that of a seam.

    Args:
        first: the film's first frame, which may be its only one.
        last_duration: how long the last frame is shown, in seconds.
        lead_in: the pair before the first one, in a loop.
        number: number of source frames before the first one, in a section of the film.
    """
    last, index = first, 0
    for before, pair, after in with_neighbours(pairs, lead_in):
        ticks = tuple(span_ticks(timeline, number + pair.index, (pair.left.pts, *pair.left.repeats, pair.right.pts)))
        yield Slot(pair.left, ticks, ticks, pair, before, after)
        if pair.seam:
            return
        last, index = pair.right, pair.right_index
    held = timeline.ticks(number + index, last.pts, last.pts + last_duration)
    yield Slot(last, held, held)


def choose_wanted(slots: Iterable[Slot], wanted: Wanted) -> Iterator[Slot]:
    """Yield the slots up to the last one with wanted output frames, with those marked."""
    place = 0
    for slot in slots:
        if wanted.end is not None and place >= wanted.end:
            return
        end = None if wanted.end is None else wanted.end - place
        yield replace(slot, wanted=slot.ticks[max(0, wanted.begin - place) : end])
        place += len(slot.ticks)

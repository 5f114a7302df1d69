"""The exact output clock; pure Fraction arithmetic."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from math import ceil, gcd
from typing import Protocol

from ifrplus_cli.values import Tick

FINEST = Fraction(1, 10_000_000)  # seconds


class Timeline(Protocol):
    """Says when output frames are shown.

    A source frame's slot lasts from its own time to that of the next one; the slots of a film are given one after the
    other, and each output frame belongs to one of them.
    """

    def ticks(self, index: int, start: Fraction, end: Fraction) -> tuple[Tick, ...]:
        """Output frames in the slot of source frame ``index``, which is shown from ``start`` to ``end`` seconds."""
        ...

    def count(self, frames: int, end: Fraction) -> int:
        """Output frames that the first ``frames`` source frames make, the last of which is shown to ``end``."""
        ...

    def shown(self, moment: Fraction) -> Fraction:
        """When a moment of the source comes in the output, in seconds."""
        ...

    def rate(self, source: Fraction) -> Fraction:
        """Nominal output rate of a clip with nominal rate ``source``, in frames a second."""
        ...

    def time_base(self, source: Fraction) -> Fraction:
        """The time base in which every tick of a clip with time base ``source`` is a whole number.

        One finer than ``FINEST`` gives ``FINEST``: containers and encoders can't count finer.
        """
        ...


@dataclass(frozen=True)
class FactorTimeline:
    """Divides the time of every source frame into ``factor`` output frames.

    Output frame k lies at k / factor on the axis of source frame numbers; its time is interpolated between the
    times of the two source frames around it, so that a variable rate stays variable and the whole lasts as long
    as the source. A factor p/q (in lowest terms) meets a source frame exactly every p output frames.

    Attributes:
        factor: output frames a source frame, above 1.
    """

    factor: Fraction

    def __post_init__(self) -> None:
        if self.factor <= 1:
            raise ValueError(f"factor must be above 1, not {self.factor}")

    def ticks(self, index: int, start: Fraction, end: Fraction) -> tuple[Tick, ...]:
        first, after = self.count(index, start), self.count(index + 1, end)
        places = (number / self.factor - index for number in range(first, after))
        return tuple(Tick(start + t * (end - start), t) for t in places)

    def count(self, frames: int, end: Fraction) -> int:
        """``frames * factor``, rounded up; ``end`` does not matter."""
        return ceil(frames * self.factor)

    def shown(self, moment: Fraction) -> Fraction:
        """The same."""
        return moment

    def rate(self, source: Fraction) -> Fraction:
        return source * self.factor

    def time_base(self, source: Fraction) -> Fraction:
        return max(source / self.factor.numerator, FINEST)


@dataclass(frozen=True)
class SlowMotionTimeline:
    """The frames of a ``FactorTimeline`` at the source's own rate: everything lasts ``factor`` times as long.

    Attributes:
        factor: output frames a source frame, above 1.
        origin: the moment, in seconds, that stays where it is.
    """

    factor: Fraction
    origin: Fraction

    def ticks(self, index: int, start: Fraction, end: Fraction) -> tuple[Tick, ...]:
        ticks = FactorTimeline(self.factor).ticks(index, start, end)
        return tuple(Tick(self.shown(tick.pts), tick.t) for tick in ticks)

    def count(self, frames: int, end: Fraction) -> int:
        """``frames * factor``, rounded up; ``end`` does not matter."""
        return FactorTimeline(self.factor).count(frames, end)

    def shown(self, moment: Fraction) -> Fraction:
        return self.origin + (moment - self.origin) * self.factor

    def rate(self, source: Fraction) -> Fraction:
        return source

    def time_base(self, source: Fraction) -> Fraction:
        return max(source / self.factor.denominator, FINEST)


@dataclass(frozen=True)
class ConstantTimeline:
    """Output frame k is shown k / ``frequency`` seconds after the first source frame, whatever the source's times are.

    Attributes:
        frequency: output frames a second.
        origin: time of the first source frame in seconds.
        slack: seconds that source times are off for being stored in a coarse time base. An output frame this close
            to a source frame is that frame.
    """

    frequency: Fraction
    origin: Fraction
    slack: Fraction = Fraction(0)

    def ticks(self, index: int, start: Fraction, end: Fraction) -> tuple[Tick, ...]:
        numbers = range(max(0, self.count(index, start)), self.count(index + 1, end))
        times = [self.origin + number / self.frequency for number in numbers]
        met = start + self.slack
        return tuple(Tick(pts, Fraction(0) if pts <= met else (pts - start) / (end - start)) for pts in times)

    def count(self, frames: int, end: Fraction) -> int:
        """Output frames before ``end``; ``frames`` does not matter."""
        return ceil((end - self.slack - self.origin) * self.frequency)

    def shown(self, moment: Fraction) -> Fraction:
        """The same."""
        return moment

    def rate(self, source: Fraction) -> Fraction:
        """The same for every source."""
        return self.frequency

    def time_base(self, source: Fraction) -> Fraction:
        return max(_common_divisor(1 / self.frequency, source), FINEST)


def span_ticks(timeline: Timeline, index: int, times: Sequence[Fraction]) -> list[Tick]:
    """Output frames from source frame ``index`` on, with their places between the first and the last of some times.

    Args:
        times: of this frame, of those after it that repeat it, and of the next new one.
    """
    start, whole = times[0], times[-1] - times[0]
    slots = [(a, b, timeline.ticks(index + n, a, b)) for n, (a, b) in enumerate(pairwise(times))]
    return [Tick(tick.pts, (a + tick.t * (b - a) - start) / whole) for a, b, ticks in slots for tick in ticks]


def timesteps(timeline: Timeline, times: Sequence[Fraction]) -> Iterator[Fraction]:
    """The places between source frames shown at ``times``, in (0, 1), at which output frames come to lie, each once."""
    seen = {Fraction(0)}
    for index, (start, end) in enumerate(pairwise(times)):
        for tick in timeline.ticks(index, start, end):
            if tick.t not in seen:
                seen.add(tick.t)
                yield tick.t


def last_tick(timeline: Timeline, times: Sequence[Fraction], end: Fraction) -> Tick:
    """The last output frame of source frames shown at ``times``, the last of them to ``end``."""
    slots = zip(range(len(times)), times, [*times[1:], end], strict=True)
    ticks = (timeline.ticks(*slot) for slot in reversed(list(slots)))
    return next(slot[-1] for slot in ticks if slot)


def rate_text(rate: Fraction) -> str:
    """A rate as people write it, with the exact ratio where it is not a whole number."""
    return str(rate.numerator) if rate.denominator == 1 else f"{float(rate):.3f} ({rate})"


def _common_divisor(one: Fraction, other: Fraction) -> Fraction:
    """The largest fraction of which both are multiples."""
    return Fraction(
        gcd(one.numerator * other.denominator, other.numerator * one.denominator), one.denominator * other.denominator
    )

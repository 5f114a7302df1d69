"""Compute the exact times of the output frames, in pure Fraction arithmetic."""

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
    """Decides when output frames are shown.

    A source frame's slot lasts from its own time to that of the next source frame. The slots of a film are passed in
    order, and each output frame belongs to exactly one of them.
    """

    def ticks(self, index: int, start: Fraction, end: Fraction) -> tuple[Tick, ...]:
        """Return the output frames in the slot of source frame ``index``, shown from ``start`` to ``end`` seconds."""
        ...

    def count(self, frames: int, end: Fraction) -> int:
        """Return how many output frames the first ``frames`` source frames give, if the last is shown until ``end``."""
        ...

    def shown(self, moment: Fraction) -> Fraction:
        """Return the time in the output, in seconds, of a moment of the source."""
        ...

    def rate(self, source: Fraction) -> Fraction:
        """Return the nominal output rate, in frames per second, of a clip with nominal rate ``source``."""
        ...

    def shortest(self, gap: Fraction) -> Fraction:
        """Return the seconds between output frames in the slot of a source frame that is shown for ``gap`` seconds."""
        ...

    def time_base(self, source: Fraction) -> Fraction:
        """Return the time base in which every tick of a clip with time base ``source`` is a whole number.

        A time base finer than ``FINEST`` is replaced by ``FINEST``: containers and encoders can't count finer.
        """
        ...


@dataclass(frozen=True)
class FactorTimeline:
    """Divides the time of every source frame into ``factor`` output frames.

    Output frame k lies at k / factor on the axis of source frame numbers. Its time is interpolated between the times of
    the two source frames around it, so a variable rate stays variable, and the output lasts as long as the source. A
    factor p/q (in lowest terms) meets a source frame exactly every p output frames.

    Attributes:
        factor: output frames per source frame, above 1.
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
        """Return ``frames * factor``, rounded up; ``end`` does not matter."""
        return ceil(frames * self.factor)

    def shown(self, moment: Fraction) -> Fraction:
        """Return ``moment``: times are unchanged."""
        return moment

    def rate(self, source: Fraction) -> Fraction:
        return source * self.factor

    def shortest(self, gap: Fraction) -> Fraction:
        return gap / self.factor

    def time_base(self, source: Fraction) -> Fraction:
        return max(source / self.factor.numerator, FINEST)


@dataclass(frozen=True)
class SlowMotionTimeline:
    """The frames of a ``FactorTimeline`` at the source's own rate: everything lasts ``factor`` times as long.

    Attributes:
        factor: output frames per source frame, above 1.
        origin: the moment, in seconds, that keeps its time.
    """

    factor: Fraction
    origin: Fraction

    def ticks(self, index: int, start: Fraction, end: Fraction) -> tuple[Tick, ...]:
        ticks = FactorTimeline(self.factor).ticks(index, start, end)
        return tuple(Tick(self.shown(tick.pts), tick.t) for tick in ticks)

    def count(self, frames: int, end: Fraction) -> int:
        """Return ``frames * factor``, rounded up; ``end`` does not matter."""
        return FactorTimeline(self.factor).count(frames, end)

    def shown(self, moment: Fraction) -> Fraction:
        return self.origin + (moment - self.origin) * self.factor

    def rate(self, source: Fraction) -> Fraction:
        return source

    def shortest(self, gap: Fraction) -> Fraction:
        return gap

    def time_base(self, source: Fraction) -> Fraction:
        return max(source / self.factor.denominator, FINEST)


@dataclass(frozen=True)
class ConstantTimeline:
    """Output frame k is shown k / ``frequency`` seconds after the first source frame, whatever the source's times are.

    Attributes:
        frequency: output frames per second.
        origin: time of the first source frame in seconds.
        slack: largest rounding error of source times, in seconds, due to a coarse time base. An output frame this close
            to a source frame is that source frame.
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
        """Return the number of output frames before ``end``; ``frames`` does not matter."""
        return ceil((end - self.slack - self.origin) * self.frequency)

    def shown(self, moment: Fraction) -> Fraction:
        """Return ``moment``: times are unchanged."""
        return moment

    def rate(self, source: Fraction) -> Fraction:
        """Return ``frequency``, whatever the source's rate."""
        return self.frequency

    def shortest(self, gap: Fraction) -> Fraction:
        return 1 / self.frequency

    def time_base(self, source: Fraction) -> Fraction:
        return max(_common_divisor(1 / self.frequency, source), FINEST)


def span_ticks(timeline: Timeline, index: int, times: Sequence[Fraction]) -> list[Tick]:
    """Return the output frames from source frame ``index`` on, with t relative to the whole span of ``times``.

    Args:
        times: times in seconds of this frame, of the frames that repeat it, and of the next new frame.
    """
    start, whole = times[0], times[-1] - times[0]
    slots = [(a, b, timeline.ticks(index + n, a, b)) for n, (a, b) in enumerate(pairwise(times))]
    return [Tick(tick.pts, (a + tick.t * (b - a) - start) / whole) for a, b, ticks in slots for tick in ticks]


def timesteps(timeline: Timeline, times: Sequence[Fraction]) -> Iterator[Fraction]:
    """Yield the timestep, in (0, 1), of each output frame that lies between two source frames shown at ``times``."""
    for index, (start, end) in enumerate(pairwise(times)):
        yield from (tick.t for tick in timeline.ticks(index, start, end) if tick.t)


def last_tick(timeline: Timeline, times: Sequence[Fraction], end: Fraction) -> Tick:
    """Return the last output frame of source frames shown at ``times``, the last of them until ``end``."""
    slots = zip(range(len(times)), times, [*times[1:], end], strict=True)
    ticks = (timeline.ticks(*slot) for slot in reversed(list(slots)))
    return next(slot[-1] for slot in ticks if slot)


def rate_text(rate: Fraction) -> str:
    """Format a rate for people, with the exact ratio if it is not a whole number."""
    return str(rate.numerator) if rate.denominator == 1 else f"{float(rate):.3f} ({rate})"


def _common_divisor(one: Fraction, other: Fraction) -> Fraction:
    """Return the largest fraction of which both are multiples."""
    return Fraction(
        gcd(one.numerator * other.denominator, other.numerator * one.denominator), one.denominator * other.denominator
    )

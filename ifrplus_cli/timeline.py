"""The exact output clock; pure Fraction arithmetic."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from ifrplus_cli.media import Tick

FINEST = Fraction(1, 10_000_000)  # seconds


@dataclass(frozen=True)
class Timeline:
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
        """Output frames in the slot of source frame ``index``, which is shown from ``start`` to ``end`` seconds."""
        first, after = self.count(index), self.count(index + 1)
        places = (number / self.factor - index for number in range(first, after))
        return tuple(Tick(start + t * (end - start), t) for t in places)

    def count(self, frames: int) -> int:
        """Output frames that ``frames`` source frames make: frames * factor, rounded up."""
        return -(-frames * self.factor.numerator // self.factor.denominator)

    def timesteps(self) -> tuple[Fraction, ...]:
        """All the places between two source frames, in (0, 1), at which output frames come to lie."""
        places = {number / self.factor % 1 for number in range(self.factor.numerator)}
        return tuple(sorted(places - {Fraction(0)}))

    def time_base(self, source: Fraction) -> Fraction:
        """The time base in which every tick of a clip with time base ``source`` is a whole number.

        One finer than ``FINEST`` gives ``FINEST``: containers and encoders can't count finer.
        """
        return max(source / self.factor.numerator, FINEST)

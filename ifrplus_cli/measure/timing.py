"""Times of repeated work: their spread, and those of two pieces of work that take turns."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, pairwise

from ifrplus_cli.values import Image

Clock = Callable[[], float]
Work = Callable[[], object]


@dataclass(frozen=True)
class Spread:
    """Median and extremes of several figures."""

    median: float
    least: float
    most: float

    @staticmethod
    def of(figures: Sequence[float]) -> Spread:
        """Compute median and extremes of at least one number."""
        return Spread(statistics.median(figures), min(figures), max(figures))


@dataclass(frozen=True)
class Turns:
    """Seconds of two pieces of work that took turns, because the speed of a machine changes.

    Attributes:
        ours, theirs: seconds of each.
        times_as_fast: their seconds divided by ours, turn by turn.
    """

    ours: Spread
    theirs: Spread
    times_as_fast: Spread


def neighbouring_pairs(images: Iterable[Image]) -> Iterator[tuple[Image, Image]]:
    """Yield the neighbouring pairs of an endless film that repeats some images.

    Each frame is an image of its own, as in any film: what is known of the left one is known from the pair before, and
    the right one is new.
    """
    return pairwise(image.copy() for image in cycle(images))


def seconds_of(work: Work, clock: Clock = time.perf_counter) -> float:
    """Return the seconds that some work takes."""
    started = clock()
    work()
    return clock() - started


def take_turns(ours: Work, theirs: Work, turns: int, clock: Clock = time.perf_counter) -> Turns:
    """Measure two pieces of work one after the other, several times.

    Args:
        clock: returns seconds.
    """
    pairs = [(seconds_of(ours, clock), seconds_of(theirs, clock)) for _ in range(turns)]
    mine, others = zip(*pairs, strict=True)
    return Turns(Spread.of(mine), Spread.of(others), Spread.of([other / own for own, other in pairs]))

"""Make frames at any timestep with a network that only makes the midpoint, by repeatedly halving the gap."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction

from ifrplus_cli.values import Image

DEPTH = 3  # halvings: a gap is divided into eighths


def nearest_reachable(t: Fraction) -> Fraction:
    """Return the multiple of 1/8 nearest to ``t``, including 0 and 1, the source frames themselves."""
    return Fraction(round(t * 2**DEPTH), 2**DEPTH)


def largest_error(timesteps: Iterable[Fraction]) -> Fraction:
    """Return the largest error in time of frames made for ``timesteps``, as a share of the gap."""
    return max((abs(t - nearest_reachable(t)) for t in timesteps), default=Fraction(0))


def make_by_halving(
    left: Image, right: Image, timesteps: Sequence[Fraction], midpoint: Callable[[Image, Image], Image]
) -> list[Image]:
    """Make the pictures nearest to ``timesteps``; each intermediate picture is made once.

    Args:
        midpoint: makes the picture half-way between two.
    """
    known = {Fraction(0): left, Fraction(1): right}

    def picture_at(t: Fraction) -> Image:
        if t not in known:
            step = Fraction(1, t.denominator)
            known[t] = midpoint(picture_at(t - step), picture_at(t + step))
        return known[t]

    return [picture_at(nearest_reachable(t)) for t in timesteps]

"""Frames at any timestep from a network that only makes the midpoint: by halving the gap again and again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction

from ifrplus_cli.values import Image

DEPTH = 3  # halvings: a gap is divided into eighths


def nearest_reachable(t: Fraction) -> Fraction:
    """The multiple of 1/8 next to ``t``; 0 and 1, the source frames themselves, are among them."""
    return Fraction(round(t * 2**DEPTH), 2**DEPTH)


def largest_error(timesteps: Iterable[Fraction]) -> Fraction:
    """How far the frames made for ``timesteps`` are at most off their time, as a share of the gap."""
    return max((abs(t - nearest_reachable(t)) for t in timesteps), default=Fraction(0))


def make_by_halving(
    left: Image, right: Image, timesteps: Sequence[Fraction], midpoint: Callable[[Image, Image], Image]
) -> list[Image]:
    """Pictures next to ``timesteps``; each one that is needed on the way is made once.

    Args:
        midpoint: makes the picture halfway between two.
    """
    known = {Fraction(0): left, Fraction(1): right}

    def picture_at(t: Fraction) -> Image:
        if t not in known:
            step = Fraction(1, t.denominator)
            known[t] = midpoint(picture_at(t - step), picture_at(t + step))
        return known[t]

    return [picture_at(nearest_reachable(t)) for t in timesteps]

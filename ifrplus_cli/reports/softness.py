"""Say whether made frames look as sharp as the frames beside them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import fmean

from ifrplus_cli.reports.format import clock, moments_text

# Detail of made frames as a share of their neighbours', chosen by looking at films in motion. True frames have 0.88 to
# 1.13 of it there; at 0.3 spray is fog, at 0.5 wood and skin are visibly soft, and at 0.8 it takes a closer look.
SOFT = 0.6  # a frame with less looks soft by itself
SOFTER = 0.8  # films of frames with less on average may shimmer
SHARPER = 1.25  # films of frames with more on average may shimmer, too


def softness(moments: Sequence[tuple[float, float]]) -> Iterator[str]:
    """Yield sentences on how sharp made frames look.

    Args:
        moments: of each made frame its time in seconds, and its detail as a share of the mean of its neighbours'.
    """
    if not moments:
        return
    mean = fmean(share for _, share in moments)
    when, lowest = min(moments, key=lambda moment: moment[1])
    figures = f"{mean:.2f} of their detail on average, least at {clock(when)} ({lowest:.2f})"
    if mean < SOFT:
        yield (
            f"Made frames will look soft beside their neighbours: {figures}. "
            "Sharp and soft frames alternate, which the eye sees as shimmer."
        )
    elif mean < SOFTER:
        yield f"Made frames are softer than their neighbours, which may be seen as shimmer: {figures}."
    elif mean > SHARPER:
        yield f"Made frames have details that their neighbours lack, which may be seen as shimmer: {figures}."
    else:
        yield f"Made frames are about as sharp as their neighbours: {figures}."
    soft = [seconds for seconds, share in moments if share < SOFT]
    if soft and mean >= SOFT:
        yield f"Made frames will look soft at {moments_text(soft)}."

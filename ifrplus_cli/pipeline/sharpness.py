"""Measure on a few made frames of a run how sharp they are beside their source frames."""

from __future__ import annotations

from itertools import count

from ifrplus_cli.frames.detail import FLAT, luma_detail
from ifrplus_cli.frames.pictures import as_codes
from ifrplus_cli.values import Image

EVERY = 8  # pairs, of which one is measured: that takes half a percent of a run


class Sharpness:
    """Samples the detail of made frames as a share of the mean of both source frames'; several threads may call it."""

    def __init__(self) -> None:
        self._pairs = count()
        self._shares: list[float] = []

    def see(self, left: Image, made: Image, right: Image) -> None:
        """Measure a made frame if its pair is in the sample.

        Args:
            left, made, right: float32 H x W x 3 RGB in 0..1.
        """
        if next(self._pairs) % EVERY:
            return
        before, between, after = (luma_detail(as_codes(image)) for image in (left, made, right))
        beside = (before + after) / 2
        if beside > FLAT:
            self._shares.append(between / beside)

    def add(self, other: Sharpness) -> None:
        """Add the sample of another section of the film."""
        self._shares += other._shares

    def __getstate__(self) -> list[float]:
        """Return what is sent from one machine to another: the sample, without the place in it."""
        return self._shares

    def __setstate__(self, shares: list[float]) -> None:
        self.__init__()  # type: ignore[misc]
        self._shares += shares

    @property
    def mean(self) -> float | None:
        """The mean share; None if no frame was measured that has details to compare."""
        shares = tuple(self._shares)
        return sum(shares) / len(shares) if shares else None

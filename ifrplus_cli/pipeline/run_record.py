"""Record data for the report on a run: detail, doubt and change over time, and pictures of the moments to look at."""

from __future__ import annotations

import heapq
from collections import deque
from dataclasses import dataclass, field
from fractions import Fraction

import cv2
import numpy as np

from ifrplus_cli.frames.detail import Detail, detail_of
from ifrplus_cli.frames.doubt import Doubt
from ifrplus_cli.frames.pictures import Picture, as_codes, doubt_colours, fitted
from ifrplus_cli.pipeline.filler import FilledSlot
from ifrplus_cli.pixel_formats import PixelFormat
from ifrplus_cli.values import Image, Pair, PairKind

SHOWN = 6  # pairs whose pictures are kept
THUMBNAIL = (64, 36)  # width and height of frames that are compared


@dataclass(frozen=True)
class SeenPair:
    """Two neighbouring source frames of a run.

    Attributes:
        seconds: time of the right one, from the first frame that is used.
        change: mean change of brightness from one to the other, in 8-bit codes.
    """

    seconds: float
    change: float
    kind: PairKind


@dataclass(frozen=True)
class SeenFrame:
    """A made frame between its two source frames, each H x W x 3 uint8 RGB; large ones are scaled down.

    Attributes:
        seconds: its time, from the first frame that is used.
        change: the change of its pair.
        detail: its detail as a share of the mean of both source frames'.
        share: doubtful share of the picture; None if nothing moves.
        doubt: picture of the doubtful areas; None likewise.
    """

    seconds: float
    change: float
    detail: float
    share: float | None
    left: Picture = field(repr=False)
    made: Picture = field(repr=False)
    right: Picture = field(repr=False)
    doubt: Picture | None = field(repr=False)


class RunRecord:
    """Records the pairs and made frames of a run: figures for all of them, and pictures of a few.

    Attributes:
        pairs: all pairs, in order of time.
        details: time in seconds, and detail as a share of the mean of both source frames', for each made frame.
        doubts: time in seconds and doubtful share of the picture, for each made frame with motion.
    """

    def __init__(self, start: Fraction, pixel_format: PixelFormat) -> None:
        """
        Args:
            start: time of the first frame that is used.
            pixel_format: pixel format of the frames.
        """
        self.start, self.pixel_format = start, pixel_format
        self.pairs: list[SeenPair] = []
        self.details: list[tuple[float, float]] = []
        self.doubts: list[tuple[float, float]] = []
        self._of_sources: deque[tuple[Image, Detail]] = deque(maxlen=2)
        self._kept: list[tuple[float, float, float, SeenFrame]] = []  # a heap: the lowest rank first

    def see_pair(self, pair: Pair) -> None:
        """Record a pair; pairs must come in order, each once."""
        gain = 2.0 ** (8 - self.pixel_format.depth)
        left, right = (
            cv2.resize(f.planes[0], THUMBNAIL, interpolation=cv2.INTER_AREA) for f in (pair.left, pair.right)
        )
        change = float(np.abs(left.astype(np.float32) - right).mean()) * gain
        self.pairs.append(SeenPair(float(pair.right.pts - self.start), change, pair.kind))

    def see_made(self, pair: Pair, t: Fraction, images: tuple[Image, Image, Image], doubt: Doubt | None) -> None:
        """Record a made frame of the pair that was recorded last.

        Args:
            images: the left frame, the made one, and the right one.
        """
        seconds, change = float(pair.left.pts + t * pair.length - self.start), self.pairs[-1].change
        left, made, right = images
        codes = as_codes(made)
        detail = detail_of(codes).share_of(self._of_source(left), self._of_source(right)).luma
        self.details.append((seconds, detail))
        if doubt is not None:
            self.doubts.append((seconds, doubt.share))
        rank = (0.0 if doubt is None else doubt.share, change, -seconds)
        if len(self._kept) == SHOWN and rank <= self._kept[0][:3]:
            return
        before, shown, after = fitted(as_codes(left)), fitted(codes), fitted(as_codes(right))
        red = None if doubt is None else doubt_colours(doubt.strength, shown)
        seen = SeenFrame(seconds, change, detail, None if doubt is None else doubt.share, before, shown, after, red)
        self._keep((*rank, seen))

    def _keep(self, entry: tuple[float, float, float, SeenFrame]) -> None:
        heapq.heappush(self._kept, entry)
        if len(self._kept) > SHOWN:
            heapq.heappop(self._kept)

    def see_rest(self, filled: FilledSlot) -> None:
        """Record the made frames of a slot whose pair belongs to the record of another section."""
        self.see_slot(filled)
        self.pairs.pop()

    def add(self, later: RunRecord) -> None:
        """Add the record of the section that follows."""
        self.pairs += later.pairs
        self.details += later.details
        self.doubts += later.doubts
        for entry in later._kept:
            self._keep(entry)

    def _of_source(self, image: Image) -> Detail:
        """Return the detail of a source frame, which is measured once for all frames made from it."""
        for known, detail in self._of_sources:
            if known is image:
                return detail
        self._of_sources.append((image, detail_of(as_codes(image))))
        return self._of_sources[-1][1]

    def see_slot(self, filled: FilledSlot) -> None:
        """Record a slot with its pair and its made frames; slots must come in order, each once."""
        pair = filled.slot.pair
        if pair is None:
            return
        self.see_pair(pair)
        for tick, (left, made, right) in zip(filled.slot.made, filled.seen, strict=True):
            self.see_made(pair, tick.t, (left, made.image, right), made.doubt)

    @property
    def shown(self) -> list[SeenFrame]:
        """The frames with the most doubt, and among equal ones those with the most change; most first."""
        return [seen for *_, seen in sorted(self._kept, key=lambda entry: entry[:3], reverse=True)]

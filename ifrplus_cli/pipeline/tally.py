"""Count pairs, made frames and cuts; a resumed run also counts what it skips."""

from __future__ import annotations

from collections import Counter

from ifrplus_cli.frames.cut_list import Cut
from ifrplus_cli.pipeline.filler import FilledSlot
from ifrplus_cli.pipeline.pairs import cut_at
from ifrplus_cli.values import ClipInfo, PairKind


class Tally:
    """Counts slots.

    Attributes:
        made: number of frames that the network made in this run.
        made_elsewhere: number of frames that the network made in an earlier run.
        smoothed: number of source frames that repeat the one before and were replaced.
        cuts: the cuts that were detected or given, in order.
        seam: the relation of the last frame and the first one, in a loop.
    """

    def __init__(self, clip: ClipInfo) -> None:
        self.made = 0
        self.made_elsewhere = 0
        self.smoothed = 0
        self.cuts: list[Cut] = []
        self.seam: PairKind | None = None
        self._clip = clip
        self._kinds: Counter[PairKind] = Counter()

    def add(self, filled: FilledSlot) -> None:
        """Count a slot."""
        self.made += len(filled.made)
        self.made_elsewhere += len(filled.slot.made_elsewhere)
        if (pair := filled.slot.pair) is not None:
            self.smoothed += len(pair.left.repeats)
            self._kinds[pair.kind] += 1
            if pair.seam:
                self.seam = pair.kind
            elif pair.kind is PairKind.CUT:
                self.cuts.append(cut_at(pair, self._clip))

    @property
    def pairs(self) -> dict[str, int]:
        """Number of pairs of each kind."""
        return {kind.value: self._kinds[kind] for kind in PairKind}

"""Turn source frames into pairs with cuts; lists number them from the film's first frame, a run from its section's."""

from __future__ import annotations

from collections.abc import Iterator

from ifrplus_cli.frames.cut_list import Cut
from ifrplus_cli.frames.duplicates import without_repeats
from ifrplus_cli.frames.pairing import pair_frames
from ifrplus_cli.pipeline.job import UpsampleOptions
from ifrplus_cli.pipeline.loop import closed, returning
from ifrplus_cli.values import ClipInfo, Frame, Pair


def pairs_of(frames: Iterator[Frame], clip: ClipInfo, options: UpsampleOptions) -> Iterator[Pair]:
    """Yield the pairs of neighbouring frames; repeated frames are left out if they are to be smoothed over.

    In a loop its seam follows, and then the first pair again.
    """
    if options.loop:
        frames = returning(frames, clip.last_duration)
    if options.smooth_duplicates:
        frames = without_repeats(frames, clip.pixel_format)
    cuts, section = options.cuts, clip.section
    if cuts is not None and section is not None:
        cuts = frozenset(cut - section.number for cut in cuts)
    pairs = pair_frames(
        frames, pixel_format=clip.pixel_format, cut_threshold=options.cut_threshold, cuts=cuts, breaks=clip.breaks
    )
    return closed(pairs, clip, options) if options.loop else pairs


def cut_at(pair: Pair, clip: ClipInfo) -> Cut:
    """Return the cut between the frames of a pair, as a list of the film's cuts states it."""
    section = clip.section
    first, start = (0, clip.start) if section is None else (section.number, section.film_start)
    return Cut(first + pair.right_index, pair.right.pts - start, pair.score)

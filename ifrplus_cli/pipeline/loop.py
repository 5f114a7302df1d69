"""Close a film that is played again and again: the pair of its last and first frame, and what stands around it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import chain, pairwise

from ifrplus_cli.errors import InputError, MediaToolError
from ifrplus_cli.frames.duplicates import LONGEST_RUN, without_repeats
from ifrplus_cli.frames.pairing import pair_frames
from ifrplus_cli.pipeline.job import Job, UpsampleOptions
from ifrplus_cli.values import ClipInfo, Frame, Pair
from ifrplus_cli.video.reading.decode import decode, decodes_from_start
from ifrplus_cli.video.reading.trim import last_frames


def returning(frames: Iterable[Frame], last_duration: Fraction) -> Iterator[Frame]:
    """Yield the frames, and then the first one again, when the last one ends.

    Args:
        frames: in presentation order; at least one.
        last_duration: how long the last frame is shown, in seconds.
    """
    frames = iter(frames)
    first = last = next(frames)
    for last in chain([first], frames):
        yield last
    yield replace(first, pts=last.pts + last_duration)


def closed(pairs: Iterable[Pair], clip: ClipInfo, options: UpsampleOptions) -> Iterator[Pair]:
    """Yield the pairs, the last of them as the seam of a loop, and then the first pair again, which follows it.

    The first two frames stay in memory for it.

    Args:
        pairs: of the frames of ``returning``.
    """
    first: Pair | None = None
    for pair, after in pairwise(chain(pairs, [None])):
        assert pair is not None
        first = first or pair
        yield pair if after is not None else _seam(pair.left, pair.right, pair.index, clip, options)
    assert first is not None
    yield first


def read_tail(job: Job) -> tuple[Frame, ...]:
    """Return the last frames of a loop, which the motion of its first pair depends on; none for other films.

    There are none either if all of the film would have to be decoded for them, or if they are damaged.
    """
    clip, options = job.clip, job.options
    if not options.loop or decodes_from_start(clip):
        return ()
    part = last_frames(clip, LONGEST_RUN + 1 if options.smooth_duplicates else 1)
    try:
        with decode(part, upright=job.encode.upright) as reader:
            return tuple(reader)
    except (InputError, MediaToolError):  # the run itself says what can't be decoded
        return ()


def lead_in(tail: Sequence[Frame], first: Frame, clip: ClipInfo, options: UpsampleOptions) -> Pair | None:
    """Return the pair that comes before the first one in a loop; None without a tail.

    Args:
        tail: the last frames of the film.
        first: its first frame.
    """
    if not tail:
        return None
    frames: Iterable[Frame] = returning([first, *tail], clip.last_duration)
    frames = list(frames)[1:]
    if options.smooth_duplicates:
        frames = list(without_repeats(frames, clip.pixel_format))
    return _seam(frames[-2], frames[-1], -1, clip, options)


def _seam(left: Frame, right: Frame, index: int, clip: ClipInfo, options: UpsampleOptions) -> Pair:
    """Return the pair of the last and the first frame; a list of the film's cuts says nothing about it."""
    (pair,) = pair_frames([left, right], pixel_format=clip.pixel_format, cut_threshold=options.cut_threshold)
    return replace(pair, index=index, seam=True)

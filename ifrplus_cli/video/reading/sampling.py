"""Find the parts of a clip that change most, without decoding all of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import islice, pairwise

import cv2
import numpy as np
import numpy.typing as npt

from ifrplus_cli.errors import InputError
from ifrplus_cli.values import ClipInfo, Frame
from ifrplus_cli.video.reading.decode import decode, decodes_from_start
from ifrplus_cli.video.reading.trim import FrameNumber, cut_section

STRETCHES = 10  # over which a sample is spread
LOOKS = 4  # places of a long part that are decoded
LOOKED_WHOLE = 40.0  # seconds of a part that is decoded completely: seeking in it would take as long
THUMBNAIL = (64, 36)  # width and height to which frames are reduced for comparison

_Changes = npt.NDArray[np.float64]


def sample(clip: ClipInfo, seconds: float) -> list[range]:
    """Return numbers of frames to examine, up to so many seconds of them: all of a short clip.

    A longer clip is divided into equal parts, and the stretch that changes most is taken from each.
    """
    numbers = range(len(clip.packet_pts))
    if clip.duration <= seconds:
        return [numbers]
    length = max(3, int(_frames(clip, seconds) / STRETCHES) | 1)  # odd: a stretch begins and ends with a kept frame
    return [stretch for _, stretch in _liveliest(clip, numbers, length)]


def busiest(clip: ClipInfo, numbers: range, seconds: float) -> range:
    """Return, among some frames of the clip, the stretch of so many seconds that changes most."""
    length = max(2, round(_frames(clip, seconds)))
    if length >= len(numbers):
        return numbers
    return max(_liveliest(clip, numbers, length, beyond=length - 1), key=lambda found: found[0])[1]


def stretches_of(
    clip: ClipInfo, stretches: Sequence[range], *, upright: bool = False
) -> Iterator[Iterator[tuple[int, Frame]]]:
    """Yield the frames of each stretch, with their numbers; use each stretch up before asking for the next.

    Args:
        clip: the clip.
        stretches: frame numbers in order, without overlap.
        upright: as in ``decode``.
    """
    if decodes_from_start(clip):
        with decode(clip, upright=upright) as decoder:
            frames = enumerate(decoder)
            for before, stretch in pairwise((range(0), *stretches)):
                yield islice(frames, stretch.start - before.stop, len(stretch) + stretch.start - before.stop)
        return
    for stretch in stretches:
        part = cut_section(clip, FrameNumber(stretch.start), FrameNumber(stretch.stop))
        with decode(part, upright=upright) as decoder:
            yield enumerate(decoder, stretch.start)


def _frames(clip: ClipInfo, seconds: float) -> float:
    """Return how many frames are shown in so many seconds, on average."""
    return len(clip.packet_pts) * seconds / float(clip.duration)


def _liveliest(clip: ClipInfo, numbers: range, length: int, *, beyond: int = 0) -> list[tuple[float, range]]:
    """Return for each part of some frames the stretch that changes most, and how much it changes.

    Args:
        beyond: frames of the next part into which a stretch may reach.
    """
    changes_in = _changes_in(clip)
    parts = max(1, min(STRETCHES, len(numbers) // length))
    bounds = [numbers.start + len(numbers) * n // parts for n in range(parts + 1)]
    return [
        max((_best(changes_in, window, length) for window in _windows(clip, part, length)), key=lambda found: found[0])
        for part in (range(start, min(stop + beyond, numbers.stop)) for start, stop in pairwise(bounds))
    ]


def _windows(clip: ClipInfo, part: range, length: int) -> list[range]:
    """Return what is decoded of a part: all of it, or places that are spread over it."""
    if decodes_from_start(clip) or len(part) <= _frames(clip, LOOKED_WHOLE):
        return [part]
    room = len(part) - length
    starts = (part.start + room * n // (LOOKS - 1) for n in range(LOOKS))
    return [range(start, start + length) for start in starts]


def _best(changes_in: Callable[[range], _Changes], window: range, length: int) -> tuple[float, range]:
    """Return the stretch of a window that changes most, after its mean change."""
    changes = changes_in(window)
    if len(changes) < length - 1:  # not all of it could be decoded
        return 0.0, window[:length]
    means = np.convolve(changes, np.ones(length - 1) / (length - 1), "valid")
    first = int(np.argmax(means))
    return float(means[first]), window[first : first + length]


def _changes_in(clip: ClipInfo) -> Callable[[range], _Changes]:
    """Return a function that measures the mean change of brightness from each frame of a window to the next."""
    if decodes_from_start(clip):
        every = _changes(clip, range(len(clip.packet_pts)))
        return lambda window: every[window.start : window.stop - 1]
    return lambda window: _changes(clip, window)


def _changes(clip: ClipInfo, window: range) -> _Changes:
    changes: list[float] = []
    with suppress(InputError):  # no frame can be decoded
        for stretch in stretches_of(clip, [window]):
            thumbnails = (_thumbnail(frame, clip) for _, frame in stretch)
            changes.extend(float(np.abs(after - before).mean()) for before, after in pairwise(thumbnails))
    return np.array(changes)


def _thumbnail(frame: Frame, clip: ClipInfo) -> npt.NDArray[np.float32]:
    """Reduce a frame's brightness to a small picture, in 8-bit codes."""
    small = cv2.resize(frame.planes[0], THUMBNAIL, interpolation=cv2.INTER_AREA)
    return small.astype(np.float32) * np.float32(2.0 ** (8 - clip.pixel_format.depth))

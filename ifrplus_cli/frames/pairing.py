"""Pair neighbouring frames and mark each pair MOTION, CUT or DUPLICATE.

A pair is a cut if motion cannot explain the right frame from the left one. Both frames are reduced in size, and their
fine detail is correlated after motion compensation. Detail stays correlated when brightness and contrast change, so
flashes and fades are not taken for cuts; motion compensation keeps it correlated under pans and large motion. Only what
changes counts, so black bars, a still picture around the film or text over it do not hide a cut.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import chain, pairwise

import cv2
import numpy as np
import numpy.typing as npt

from ifrplus_cli.pixel_formats import PixelFormat
from ifrplus_cli.values import Frame, Pair, PairKind, Plane

DEFAULT_CUT_THRESHOLD = 0.8

_Luma = npt.NDArray[np.uint8]
_Detail = npt.NDArray[np.float32]

# All frames are reduced to one size, since the flow fails on pictures only a few rows high.
_LONGER, _SHORTER = 160, 90  # sides of the small frames in pixels
_DETAIL_SIGMA = 2.5  # pixels of a small frame: detail is what varies faster than this
_DETAIL_FLOOR = 1.0  # codes: detail of this strength counts as much as brightness
_BRIGHTNESS_SPAN = 128.0  # codes: mean lumas this far apart mean that two frames have nothing in common
_STILL = 2  # codes: a sample of a small frame that differs by no more has not changed
_CHANGING_LINE = 0.02  # share of a row or column that changes if the line is not still
_OVERLAID_DETAIL = 3.0  # codes: detail this strong hardly ever stands still by chance
_LEAST_PART = 0.15  # share of the picture: a smaller part is not examined alone
_CHANGING_SHARES = (0.3, 0.6)  # of the picture: below the first, still samples count fully; above the second, not
_NO_WEIGHT = 1e-3
_FLOW_CONTRAST = 48.0  # codes: standard deviation to which frames are stretched before the flow is computed
_FLAT_CONTRAST = 4.0  # codes: below this standard deviation stretching is limited, for it would amplify noise


def pair_frames(
    frames: Iterable[Frame],
    *,
    pixel_format: PixelFormat,
    cut_threshold: float | None = DEFAULT_CUT_THRESHOLD,
    cuts: Container[int] | None = None,
    breaks: Sequence[Fraction] = (),
) -> Iterator[Pair]:
    """Yield a pair for each two neighbours, holding at most two frames. A change of size is always a cut.

    N frames give N - 1 pairs: the last frame is the ``right`` of the last pair, and a single frame gives none. A caller
    that needs the last frame in any case takes the first frame itself and passes it on with ``itertools.chain``.

    Args:
        frames: in presentation order.
        pixel_format: format of their planes. Cuts are detected in luma, or in green for RGB.
        cut_threshold: ``cut_score`` (0 to 1) above which a pair is a cut; None disables cut detection.
        cuts: numbers of the frames that begin a scene, if they are known; then cuts are not detected.
        breaks: moments in seconds at which a pair is always a cut.
    """
    index = 0
    for left, right in pairwise(frames):
        score = None
        pair = Pair(index, left, right, PairKind.MOTION)
        if any(left.pts < moment <= right.pts for moment in breaks):
            kind = PairKind.CUT
        elif _equal(left, right):
            kind = PairKind.DUPLICATE
        elif left.source_size != right.source_size:
            kind = PairKind.CUT
        elif cuts is not None:
            kind = PairKind.CUT if pair.right_index in cuts else PairKind.MOTION
        elif cut_threshold is not None and (score := _score(left, right, pixel_format)) > cut_threshold:
            kind = PairKind.CUT
        else:
            kind = PairKind.MOTION
        yield replace(pair, kind=kind, score=score)
        index = pair.right_index


def with_neighbours(
    pairs: Iterable[Pair], lead_in: Pair | None = None
) -> Iterator[tuple[Pair | None, Pair, Pair | None]]:
    """Yield each pair between the pairs before and after it, or None where these are not MOTION; holds three pairs.

    Args:
        lead_in: the pair before the first one, if it is known.
    """
    before = _moving(lead_in)
    for pair, after in pairwise(chain(pairs, [None])):
        assert pair is not None
        yield before, pair, _moving(after)
        before = _moving(pair)


def _moving(pair: Pair | None) -> Pair | None:
    return pair if pair is not None and pair.kind is PairKind.MOTION else None


def cut_score(left_luma: Plane, right_luma: Plane, *, depth: int = 8) -> float:
    """Compute how little of the right frame motion explains: 0 (the same scene) to 1 (nothing in common).

    Where there is no detail to follow, as in black frames, the change of mean brightness decides.

    Args:
        left_luma: H x W, uint8 or uint16.
        right_luma: H x W, of the same size and type.
        depth: bits per sample.
    """
    left, right = _shrink(left_luma, depth), _shrink(right_luma, depth)
    if (part := _changing_part(left, right, left_luma.shape)) is not None:
        left, right = _shrink(left_luma[part], depth), _shrink(right_luma[part], depth)
    weights = _weights(left, right)
    brightness = 1 - abs(_mean(left, weights) - _mean(right, weights)) / _BRIGHTNESS_SPAN
    flow_left, flow_right = _stretch(left), _stretch(right)
    # What one direction covers the other one uncovers, so the better of the two explanations counts.
    similarity = max(
        _similarity(left, _compensate(right, flow_left, flow_right), brightness, weights),
        _similarity(right, _compensate(left, flow_right, flow_left), brightness, weights),
    )
    return min(max(1 - similarity, 0.0), 1.0)


def _changing_part(left: _Luma, right: _Luma, full_size: tuple[int, ...]) -> tuple[slice, slice] | None:
    """Return the rows and columns of the full frames between those that are still at the sides; None for all of them.

    A change in the corner of a still picture is not a cut, so in that case, too, the whole picture is examined.
    """
    moved = cv2.absdiff(left, right) > _STILL
    rows, columns = (
        _span(moved.mean(axis) > _CHANGING_LINE, full) for axis, full in zip((1, 0), full_size, strict=True)
    )
    share = (rows.stop - rows.start) * (columns.stop - columns.start) / (full_size[0] * full_size[1])
    return (rows, columns) if _LEAST_PART <= share < 1 else None


def _span(changing: npt.NDArray[np.bool_], full: int) -> slice:
    """Return the lines of the full frame from the first to the last changing one, except partly still ones."""
    places, small = np.flatnonzero(changing), len(changing)
    if not places.size:
        return slice(0, 0)
    first, end = int(places[0]), int(places[-1]) + 1
    first, end = first + (first > 0), end - (end < small)
    return slice(-(-first * full // small), max(first, end) * full // small)


def _weights(left: _Luma, right: _Luma) -> _Detail:
    """Return weights: 1 where the frames differ, unless still detail, such as text laid over both, is near.

    The rest has a weight, too, if much of the picture is still: a change in a corner is not a cut.
    """
    moved = cv2.absdiff(left, right) > _STILL
    overlaid = (np.abs(_detail(left)) > _OVERLAID_DETAIL) & ~moved
    near = cv2.dilate(overlaid.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
    still = np.interp(moved.mean(), _CHANGING_SHARES, (1, 0))
    return np.where(moved & ~near, np.float32(1), np.float32(still))


def _score(left: Frame, right: Frame, pixel_format: PixelFormat) -> float:
    return cut_score(left.planes[0], right.planes[0], depth=pixel_format.depth)


def _equal(left: Frame, right: Frame) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(left.planes, right.planes, strict=True))


def _shrink(plane: Plane, depth: int) -> _Luma:
    height, width = plane.shape
    size = (_LONGER, _SHORTER) if width >= height else (_SHORTER, _LONGER)
    small = cv2.resize(plane, size, interpolation=cv2.INTER_AREA)
    return small if depth == 8 else cv2.convertScaleAbs(small, alpha=255 / (2**depth - 1))


def _stretch(luma: _Luma) -> _Luma:
    """Bring to a common mean and contrast, so that the flow follows motion rather than changes of light."""
    gain = _FLOW_CONTRAST / max(float(luma.std()), _FLAT_CONTRAST)
    return cv2.add(luma * np.float32(gain), 128 - gain * float(luma.mean()), dtype=cv2.CV_8U)


def _compensate(luma: _Luma, target: _Luma, source: _Luma) -> _Luma:
    """Warp ``luma`` back by the dense inverse search flow (Kroeger et al., ECCV 2016) from ``target`` to ``source``."""
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(target, source, None)
    height, width = luma.shape
    flow += np.dstack(np.meshgrid(np.arange(width), np.arange(height)))
    return cv2.remap(luma, flow, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _similarity(luma: _Luma, other: _Luma, brightness: float, weights: _Detail) -> float:
    """Normalised correlation of detail, -1..1, giving way to ``brightness`` where there is hardly any detail."""
    detail, other_detail = _detail(luma, weights), _detail(other, weights)
    strength = float(np.sqrt(_mean(detail**2, weights) * _mean(other_detail**2, weights)))
    shared = _mean(detail * other_detail, weights)
    return (shared + _DETAIL_FLOOR * brightness) / (strength + _DETAIL_FLOOR)


def _mean(values: _Luma | _Detail, weights: _Detail) -> float:
    return float((values * weights).sum() / weights.sum())


def _detail(luma: _Luma, weights: _Detail | None = None) -> _Detail:
    """Return the difference from the surroundings, as far as these have weight."""
    luma_float = luma.astype(np.float32)
    if weights is None:
        return luma_float - _blur(luma_float)
    return luma_float - _blur(luma_float * weights) / np.maximum(_blur(weights), _NO_WEIGHT)


def _blur(values: _Detail) -> _Detail:
    return cv2.GaussianBlur(values, (0, 0), _DETAIL_SIGMA)

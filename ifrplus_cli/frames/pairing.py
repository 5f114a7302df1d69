"""Pair neighbouring frames and mark each pair MOTION, CUT or DUPLICATE.

A pair is a cut if motion cannot explain the right frame from the left one. Both frames are reduced in size, and their
fine detail is correlated after motion compensation. Detail stays correlated when brightness and contrast change, so
flashes and fades are not taken for cuts; motion compensation keeps it correlated under pans and large motion.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from dataclasses import replace
from itertools import chain, pairwise

import cv2
import numpy as np
import numpy.typing as npt

from ifrplus_cli.values import Frame, Pair, PairKind, PixelFormat, Plane

DEFAULT_CUT_THRESHOLD = 0.8

_Luma = npt.NDArray[np.uint8]
_Detail = npt.NDArray[np.float32]

# All frames are reduced to one size, since the flow fails on pictures only a few rows high.
_LONGER, _SHORTER = 160, 90  # sides of the small frames in pixels
_DETAIL_SIGMA = 2.5  # pixels of a small frame: detail is what varies faster than this
_DETAIL_FLOOR = 1.0  # codes: detail of this strength counts as much as brightness
_BRIGHTNESS_SPAN = 128.0  # codes: mean lumas this far apart mean that two frames have nothing in common
_FLOW_CONTRAST = 48.0  # codes: standard deviation to which frames are stretched before the flow is computed
_FLAT_CONTRAST = 4.0  # codes: below this standard deviation stretching is limited, for it would amplify noise


def pair_frames(
    frames: Iterable[Frame],
    *,
    pixel_format: PixelFormat,
    cut_threshold: float | None = DEFAULT_CUT_THRESHOLD,
    cuts: Container[int] | None = None,
) -> Iterator[Pair]:
    """Yield a pair for each two neighbours, holding at most two frames.

    N frames give N - 1 pairs: the last frame is the ``right`` of the last pair, and a single frame gives none. A caller
    that needs the last frame in any case takes the first frame itself and passes it on with ``itertools.chain``.

    Args:
        frames: in presentation order.
        pixel_format: format of their planes. Cuts are detected in luma, or in green for RGB.
        cut_threshold: ``cut_score`` (0 to 1) above which a pair is a cut; None disables cut detection.
        cuts: numbers of the frames that begin a scene, if they are known; then cuts are not detected.
    """
    index = 0
    for left, right in pairwise(frames):
        score = None
        pair = Pair(index, left, right, PairKind.MOTION)
        if _equal(left, right):
            kind = PairKind.DUPLICATE
        elif cuts is not None:
            kind = PairKind.CUT if pair.right_index in cuts else PairKind.MOTION
        elif cut_threshold is not None and (score := _score(left, right, pixel_format)) > cut_threshold:
            kind = PairKind.CUT
        else:
            kind = PairKind.MOTION
        yield replace(pair, kind=kind, score=score)
        index = pair.right_index


def with_neighbours(pairs: Iterable[Pair]) -> Iterator[tuple[Pair | None, Pair, Pair | None]]:
    """Yield each pair between the pairs before and after it, or None where these are not MOTION; holds three pairs."""
    before: Pair | None = None
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
    flow_left, flow_right = _stretch(left), _stretch(right)
    brightness = 1 - abs(float(left.mean()) - float(right.mean())) / _BRIGHTNESS_SPAN
    # What one direction covers the other one uncovers, so the better of the two explanations counts.
    similarity = max(
        _similarity(left, _compensate(right, flow_left, flow_right), brightness),
        _similarity(right, _compensate(left, flow_right, flow_left), brightness),
    )
    return min(max(1 - similarity, 0.0), 1.0)


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


def _similarity(luma: _Luma, other: _Luma, brightness: float) -> float:
    """Normalised correlation of detail, -1..1, giving way to ``brightness`` where there is hardly any detail."""
    detail, other_detail = _detail(luma), _detail(other)
    strength = float(np.sqrt(np.mean(detail**2) * np.mean(other_detail**2)))
    shared = float(np.mean(detail * other_detail))
    return (shared + _DETAIL_FLOOR * brightness) / (strength + _DETAIL_FLOOR)


def _detail(luma: _Luma) -> _Detail:
    luma_float = luma.astype(np.float32)
    return luma_float - cv2.GaussianBlur(luma_float, (0, 0), _DETAIL_SIGMA)

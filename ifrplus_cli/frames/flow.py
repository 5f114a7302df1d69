"""Compute the classical (DIS) flow of a pair and project it to any timestep: the starting point of the lite network.

Where the pairs before and after are known, the projection follows curved paths: a point that moved more slowly before
and moves faster afterwards is not half-way at half-time (Xu et al., "Quadratic video interpolation", NeurIPS 2019,
section 3.1).
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
import numpy.typing as npt

from ifrplus_cli.values import Image

Flow = npt.NDArray[np.float32]
_Grey = npt.NDArray[np.uint8]

GRID = 4  # the projection works on cells of GRID x GRID pixels, which is fine enough for flow
SCALE = 1 / 4  # of the matching pictures, relative to the frames, at which the lite network's prior is found
REFINEMENTS = 2  # of the preset's 5: as good a prior
ROUGH_SCALE = 2  # DIS's finest scale for a first, rough flow: a tenth of the time, except in the smallest pictures
HINT_CELL, HINT_MEDIAN = 4, 5  # a hint is a median over 5 x 5 cells of 4 x 4 pixels of the matching picture
HINT_FLOOR = 0.01  # weight of the reversed vector itself, relative to one vector that lands
BORDER = 2  # cells around a picture that receive what moves out of it
MATCH_MINIMUM = 32  # smaller matching pictures are enlarged to this size: DIS crashes without room for its pyramid
TRUST_SCALE = 10 / 255  # colour difference at which a flow vector has lost 63 % of its weight
TRUST_FLOOR = 1e-3
HOLE_WEIGHT = 0.01  # weight of the linear mixture, relative to one vector that lands
OTHER_WEIGHT = 0.1  # weight of a vector of the other direction
BEND = 1.1  # factor on the measured acceleration: a little above 1, because DIS smooths changes of motion away
BEND_FLOOR = 0.01  # trust at which half of the acceleration counts
BEND_LIMIT, BEND_SLACK = 3.0, 0.5  # largest acceleration: lengths of the shorter motion, plus pixels
LONGEST_NEIGHBOUR = 3.0  # a neighbouring pair this many times as long, or as short, says nothing about this pair


@dataclass(frozen=True)
class PairFlow:
    """Flow between the two frames of a pair, on a grid of H/4 x W/4 cells, in full-resolution pixels (x, y).

    Attributes:
        forward: (H/4, W/4, 2) float32, where each point of the left frame lies in the right one.
        backward: (H/4, W/4, 2) float32, where each point of the right frame lies in the left one.
        forward_trust: (H/4, W/4) float32 in (0, 1], near 1 where the colours joined by ``forward`` agree.
        backward_trust: the same for ``backward``.
    """

    forward: Flow
    backward: Flow
    forward_trust: Flow
    backward_trust: Flow


def dis_flow(source: Image, target: Image, scale: float = 1 / 2) -> Flow:
    """Compute DIS optical flow (Kroeger et al., ECCV 2016): where each point of ``source`` lies in ``target``.

    Args:
        source: (H, W, 3) float32 RGB, nominally 0..1; H and W are multiples of 4.
        target: the same shape.
        scale: size of the matching pictures relative to the frames, 1 to 1/8.

    Returns:
        (H/4, W/4, 2) float32, x and y in full-resolution pixels.
    """
    height, width = source.shape[:2]
    size = _matching_size(width, height, scale)
    return _on_grid(_dis(_grey(_shrunk(source, size)), _grey(_shrunk(target, size))), width, height)


def in_whole_cells(image: Image) -> Image:
    """Repeat the lower and right edge up to whole cells of the grid on which motion is found."""
    below, beside = (-side % GRID for side in image.shape[:2])
    return np.pad(image, ((0, below), (0, beside), (0, 0)), mode="edge") if below or beside else image


@dataclass(frozen=True)
class FlowView:
    """What the search for motion sees of one frame.

    Attributes:
        size: width and height of the frame in pixels.
        grey: the matching picture.
        small: (H/4, W/4, 3) float32 RGB.
    """

    size: tuple[int, int]
    grey: _Grey
    small: Image

    @classmethod
    def of(cls, image: Image, scale: float = SCALE) -> FlowView:
        """Shrink a frame.

        Args:
            image: (H, W, 3) float32 RGB, nominally 0..1; H and W are multiples of 4.
            scale: size of the matching picture relative to the frame, 1 to 1/8.
        """
        height, width = image.shape[:2]
        small = _shrunk(image, (width // GRID, height // GRID))
        size = _matching_size(width, height, scale)
        return cls((width, height), _grey(small if size == small.shape[1::-1] else _shrunk(image, size)), small)


def pair_flow(left: Image, right: Image, scale: float = SCALE) -> PairFlow:
    """Compute the flow of a pair in both directions, as ``flow_between`` does.

    Args:
        left, right, scale: as for ``FlowView.of``.
    """
    return flow_between(FlowView.of(left, scale), FlowView.of(right, scale))


def flow_between(left: FlowView, right: FlowView) -> PairFlow:
    """Compute the flow of a pair in both directions: the part of the prior that does not depend on the timestep.

    A rough flow of each direction, reversed, is a hint for the other direction: forward and backward flow guide each
    other.
    """
    to_come = _other_way().submit(_one_way, right, left)  # one core per direction: DIS hardly uses a second one
    forward, backward = _one_way(left, right), to_come.result()
    return PairFlow(forward[0], backward[0], forward[1], backward[1])


@cache
def _other_way() -> ThreadPoolExecutor:
    """Return a second thread, which is kept: a new one for each pair takes a seventh of the time in small pictures."""
    return ThreadPoolExecutor(1)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_other_way.cache_clear)  # no thread lives on in a forked process


def _one_way(source: FlowView, target: FlowView) -> tuple[Flow, Flow]:
    hint = _turned_round(_dis(target.grey, source.grey, finest=ROUGH_SCALE))
    flow = _on_grid(_dis(source.grey, target.grey, hint=hint), *source.size)
    return flow, _trust(source.small, target.small, flow)


@dataclass(frozen=True)
class Neighbour:
    """The pair before or after a pair in the film.

    Attributes:
        flow: flow between its two frames.
        length: time between its two frames, divided by that of the pair it neighbours.
    """

    flow: PairFlow
    length: float


@dataclass(frozen=True)
class _Way:
    """How the points of one frame move to the other frame, as planes.

    Attributes:
        motion: (2, h, w) in pixels, for the whole way.
        acceleration: (2, h, w) change of motion, in pixels per squared length of the pair.
        trust: (h, w) as in ``PairFlow``.
    """

    motion: Flow
    acceleration: Flow
    trust: Flow


@dataclass(frozen=True)
class Paths:
    """Where the points of both frames go between them: everything that does not depend on the timestep."""

    from_left: _Way
    from_right: _Way

    def at(self, t: float) -> Flow:
        """Return the flow from timestep ``t`` to both frames, as ``intermediate_flow`` does."""
        from_left, from_right = _carried(self.from_left, t), _carried(self.from_right, 1 - t)
        from_right[:2] *= -1
        in_holes = HOLE_WEIGHT * ((1 - t) * self.from_left.motion - t * self.from_right.motion)
        flow_left, flow_right = (
            (one[:2] + OTHER_WEIGHT * other[:2] + in_holes) / (one[4] + OTHER_WEIGHT * other[4] + HOLE_WEIGHT)
            for one, other in ((from_left, from_right), (from_right, from_left))
        )
        landed = from_left[2:] + from_right[2:]
        bend = _bend(t) * landed[:2] / (landed[2] + HOLE_WEIGHT)
        return np.concatenate([bend - t * flow_left, bend + (1 - t) * flow_right]).astype(np.float32)


def find_paths(flow: PairFlow, before: Neighbour | None = None, after: Neighbour | None = None) -> Paths:
    """Find the paths of a pair's points; they are straight where neither neighbour is known.

    Args:
        flow: flow of the pair.
        before: the neighbour whose right frame is the pair's left frame.
        after: the neighbour whose left frame is the pair's right frame.
    """
    beyond_left = _Beyond(before.flow.backward, before.flow.backward_trust, before.length) if before else None
    beyond_right = _Beyond(after.flow.forward, after.flow.forward_trust, after.length) if after else None
    return Paths(
        _way(flow.forward, flow.forward_trust, beyond_left),
        _way(flow.backward, flow.backward_trust, beyond_right),
    )


def intermediate_flow(
    flow: PairFlow, t: float, before: Neighbour | None = None, after: Neighbour | None = None
) -> Flow:
    """Compute the flow from timestep ``t`` to the left frame and to the right frame.

    Each vector of both directions is carried along its own path to ``t`` and spread there over the four
    nearest cells, weighted by its trust (forward splatting, Niklaus and Liu, "Softmax splatting for video frame
    interpolation", CVPR 2020, section 3.1). The other direction enters with a small weight, and fills the cells that
    this one leaves empty; where nothing lands, the linear mixture of both directions stays.

    Args:
        flow: flow of the pair.
        t: timestep in (0, 1).
        before, after: as in ``find_paths``.

    Returns:
        (4, H/4, W/4) float32 in full-resolution pixels: x and y to the left frame, x and y to the right frame.
        The frame at ``t`` is approximated by sampling the left frame at p + flow[:2] and the right one at
        p + flow[2:].
    """
    return find_paths(flow, before, after).at(t)


def channel_mean(image: Image) -> Flow:
    """Mean over the channels, (H, W, 3) to (H, W): numpy takes many times as long over so short an axis."""
    return np.asarray(cv2.transform(image, np.full((1, 3), 1 / 3)))


def _matching_size(width: int, height: int, scale: float) -> tuple[int, int]:
    return max(round(width * scale), MATCH_MINIMUM), max(round(height * scale), MATCH_MINIMUM)


def _shrunk(image: Image, size: tuple[int, int]) -> Image:
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA))


def _grey(image: Image) -> _Grey:
    return np.asarray(cv2.multiply(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), 255.0, dtype=cv2.CV_8U))  # saturates


def _dis(source: _Grey, target: _Grey, *, finest: int = 0, hint: Flow | None = None) -> Flow:
    """DIS flow in pixels of the matching pictures, (h, w, 2); DIS also tries ``hint``, and keeps the better match."""
    matcher = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    matcher.setVariationalRefinementIterations(REFINEMENTS)
    matcher.setFinestScale(finest)  # the preset stops at half the size of the matching picture: 0.17 dB worse
    return np.asarray(matcher.calc(source, target, hint), np.float32)


def _on_grid(flow: Flow, width: int, height: int) -> Flow:
    """Resample a flow of the matching pictures to the grid of a frame, in pixels of the frame."""
    to_full = np.array([width / flow.shape[1], height / flow.shape[0]], np.float32)
    return cv2.resize(flow, (width // GRID, height // GRID), interpolation=cv2.INTER_AREA) * to_full


def _turned_round(flow: Flow) -> Flow:
    """Reverse a flow: carry every vector to its end point and negate it there; (h, w, 2) both."""
    height, width = flow.shape[:2]
    cells = (-(-width // HINT_CELL), -(-height // HINT_CELL))
    small = _planes(cv2.resize(flow, cells, interpolation=cv2.INTER_AREA))
    rough = np.stack([cv2.medianBlur(plane, HINT_MEDIAN) for plane in small])
    landed = _splat(-rough, rough / HINT_CELL, np.ones(rough.shape[1:], np.float32))
    turned = (landed[:2] - HINT_FLOOR * rough) / (landed[2] + HINT_FLOOR)
    return cv2.resize(np.ascontiguousarray(turned.transpose(1, 2, 0)), (width, height), interpolation=cv2.INTER_LINEAR)


def _trust(source: Image, target: Image, flow: Flow) -> Flow:
    height, width = source.shape[:2]
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    met = cv2.remap(
        target, x + flow[..., 0] / GRID, y + flow[..., 1] / GRID, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.exp(-channel_mean(cv2.absdiff(source, met)) / TRUST_SCALE) + np.float32(TRUST_FLOOR)


@dataclass(frozen=True)
class _Beyond:
    """Flow from a frame of the pair to the frame beyond it, away from the pair, and how far that frame is."""

    flow: Flow
    trust: Flow
    length: float


def _planes(flow: Flow) -> Flow:
    """Transpose (H, W, C) to (C, H, W)."""
    return np.ascontiguousarray(flow.transpose(2, 0, 1))


def _bend(t: float) -> float:
    """How far an acceleration of 1 leads off the straight path at ``t``, with both ends fixed."""
    return t * (1 - t) / 2


def _acceleration(flow: Flow, trust: Flow, beyond: _Beyond | None) -> Flow:
    """Acceleration of each point, in pixels per squared length of the pair, from its positions in three frames."""
    if beyond is None or not 1 / LONGEST_NEIGHBOUR <= beyond.length <= LONGEST_NEIGHBOUR:
        return np.zeros_like(flow)
    away = _planes(beyond.flow) / np.float32(beyond.length)
    found = np.float32(2 / (1 + beyond.length)) * (flow + away)
    shorter = np.minimum(_length(flow), _length(away))
    possible = (BEND_LIMIT * shorter + BEND_SLACK) / np.maximum(_length(found), 1e-6)
    both = trust * beyond.trust
    return BEND * np.minimum(possible, 1) * both / (both + BEND_FLOOR) * found


def _length(flow: Flow) -> Flow:
    return cv2.magnitude(flow[0], flow[1])


def _way(flow: Flow, trust: Flow, beyond: _Beyond | None) -> _Way:
    motion = _planes(flow)
    return _Way(motion, _acceleration(motion, trust, beyond), trust)


def _carried(way: _Way, share: float) -> Flow:
    """(2, h, w) motion and its acceleration, carried along ``share`` of the way; sums, then weights: (5, h, w)."""
    values = np.concatenate([way.motion, way.acceleration])
    return _splat(values, (share * way.motion - _bend(share) * way.acceleration) / GRID, way.trust)


def _splat(values: Flow, path: Flow, weight: Flow) -> Flow:
    """Move each of (C, H, W) ``values`` by its ``path`` in cells; weighted sums, then weights: (C + 1, H, W)."""
    channels, height, width = values.shape
    x = path[0] + np.arange(width, dtype=np.float32)
    y = path[1] + np.arange(height, dtype=np.float32)[:, None]
    left, top = np.floor(x), np.floor(y)
    right_part, lower_part = x - left, y - top
    # A border of two cells receives what lands outside, and the right and lower neighbours of that.
    row = width + 2 * BORDER
    first = (top.clip(-BORDER, height) + BORDER) * row + left.clip(-BORDER, width) + BORDER
    first = first.astype(np.intp)
    cells = np.stack([first, first + 1, first + row, first + row + 1]).ravel()
    upper, lower = weight * (1 - lower_part), weight * lower_part
    parts = np.stack([upper * (1 - right_part), upper * right_part, lower * (1 - right_part), lower * right_part])
    size = (height + 2 * BORDER) * row
    sums = [np.bincount(cells, (parts * plane).ravel(), size) for plane in values]
    sums.append(np.bincount(cells, parts.ravel(), size))
    inner = slice(BORDER, -BORDER)
    return np.stack(sums).reshape(channels + 1, -1, row)[:, inner, inner].astype(np.float32)

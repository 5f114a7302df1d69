"""Classical flow of a pair (DIS) and its projection to any timestep: the starting point of the lite network."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from ifrplus_cli.media import Image

Flow = npt.NDArray[np.float32]

GRID = 4  # the projection works on cells of GRID x GRID pixels, fine enough for flow
MATCH_MINIMUM = 32  # DIS needs room for its pyramid: smaller matching pictures are enlarged to this
TRUST_SCALE = 10 / 255  # colour difference at which a flow vector has lost 63 % of its weight
TRUST_FLOOR = 1e-3
HOLE_WEIGHT = 0.05  # of the linear mixture, relative to one vector that lands
OTHER_WEIGHT = 0.1  # of a vector of the other direction


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
    """DIS optical flow (Kroeger et al., ECCV 2016): where each point of ``source`` lies in ``target``.

    Args:
        source: (H, W, 3) float32 RGB, nominally 0..1; H and W are multiples of 4.
        target: the same shape.
        scale: size of the matching pictures against the frames, 1 to 1/8.

    Returns:
        (H/4, W/4, 2) float32, x and y in full-resolution pixels.
    """
    height, width = source.shape[:2]
    size = _matching_size(width, height, scale)
    matcher = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    matcher.setFinestScale(0)  # the preset stops at half of the matching picture: 0.17 dB worse
    flow = matcher.calc(_grey(source, size), _grey(target, size), None)
    to_full = np.array([width / size[0], height / size[1]], np.float32)
    return cv2.resize(flow, (width // GRID, height // GRID), interpolation=cv2.INTER_AREA) * to_full


def pair_flow(left: Image, right: Image, scale: float = 1 / 2) -> PairFlow:
    """Flow of a pair in both directions; the part of the prior that does not depend on the timestep.

    Args:
        left: (H, W, 3) float32 RGB, nominally 0..1; H and W are multiples of 4.
        right: the same shape.
        scale: size of the matching pictures against the frames, 1 to 1/8.
    """
    height, width = left.shape[:2]
    grid = (width // GRID, height // GRID)
    small_left, small_right = (cv2.resize(image, grid, interpolation=cv2.INTER_AREA) for image in (left, right))
    forward, backward = dis_flow(left, right, scale), dis_flow(right, left, scale)
    return PairFlow(
        forward, backward, _trust(small_left, small_right, forward), _trust(small_right, small_left, backward)
    )


def motions_at(flow: PairFlow, t: float) -> tuple[Flow, Flow]:
    """Motion from left to right frame of what is seen at timestep ``t``: as the left frame tells it, and as the right.

    Each vector of both directions is carried along its own straight path to ``t`` and spread there over the four
    nearest cells, weighted by its trust (forward splatting, Niklaus and Liu, "Softmax splatting for video frame
    interpolation", CVPR 2020, section 3.1). The other direction has a small weight, and fills what this one leaves
    empty; where nothing lands, the linear mixture of both directions stays.

    Returns:
        Two (H/4, W/4, 2) float32, x and y in full-resolution pixels.
    """
    mixture = (1 - t) * flow.forward - t * flow.backward
    from_left = _splat(flow.forward, flow.forward, flow.forward_trust, t)
    from_right = _splat(-flow.backward, flow.backward, flow.backward_trust, 1 - t)
    told_left, told_right = (
        (landed[..., :2] + HOLE_WEIGHT * mixture) / (landed[..., 2:] + HOLE_WEIGHT)
        for landed in (from_left + OTHER_WEIGHT * from_right, from_right + OTHER_WEIGHT * from_left)
    )
    return told_left, told_right


def intermediate_flow(flow: PairFlow, t: float) -> Flow:
    """Flow from the frame at timestep ``t``, 0 < t < 1, to both frames of the pair, along straight paths.

    Returns:
        (4, H/2, W/2) float32 in full-resolution pixels: x and y to the left frame, x and y to the right frame.
        The frame at ``t`` is approximated by sampling the left frame at p + flow[:2] and the right one at
        p + flow[2:].
    """
    told_left, told_right = motions_at(flow, t)
    flows = np.concatenate([-t * told_left, (1 - t) * told_right], axis=2)
    height, width = flows.shape[:2]
    flows = cv2.resize(flows, (2 * width, 2 * height), interpolation=cv2.INTER_LINEAR)
    return np.ascontiguousarray(flows.transpose(2, 0, 1), np.float32)


def _matching_size(width: int, height: int, scale: float) -> tuple[int, int]:
    return max(round(width * scale), MATCH_MINIMUM), max(round(height * scale), MATCH_MINIMUM)


def _grey(image: Image, size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    small = cv2.cvtColor(cv2.resize(image, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
    return np.clip(np.rint(small * 255), 0, 255).astype(np.uint8)


def _trust(source: Image, target: Image, flow: Flow) -> Flow:
    height, width = source.shape[:2]
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    met = cv2.remap(
        target, x + flow[..., 0] / GRID, y + flow[..., 1] / GRID, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    difference = np.abs(source - met).mean(axis=2)
    return np.exp(-difference / TRUST_SCALE) + np.float32(TRUST_FLOOR)


def _splat(value: Flow, path: Flow, weight: Flow, share: float) -> Flow:
    """Carries each ``value`` along ``share`` of its ``path``; sums of weighted x, weighted y and weight (H, W, 3)."""
    height, width = weight.shape
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    x += share / GRID * path[..., 0]
    y += share / GRID * path[..., 1]
    left, top = np.floor(x), np.floor(y)
    right_part, lower_part = x - left, y - top
    landed = np.zeros((height * width, 3))
    for row, row_part in ((top, 1 - lower_part), (top + 1, lower_part)):
        for column, column_part in ((left, 1 - right_part), (left + 1, right_part)):
            inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
            cell = (row[inside] * width + column[inside]).astype(np.intp)
            part = (weight * row_part * column_part)[inside]
            for channel in range(2):
                landed[:, channel] += np.bincount(cell, part * value[..., channel][inside], height * width)
            landed[:, 2] += np.bincount(cell, part, height * width)
    return landed.reshape(height, width, 3).astype(np.float32)

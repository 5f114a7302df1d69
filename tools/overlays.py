"""Still overlays for training: the same text, panel, bars or outline pasted on every frame of a triplet."""

from __future__ import annotations

import string

import cv2
import numpy as np
from lite_data import Bytes, Sample, measure, to_float

from ifrplus_cli.frames.flow import pair_flow

MARKS = string.ascii_letters + string.digits + ":.,-/&%"
LEAST_COVER = 0.55  # least opacity of a translucent panel
SHARES = {"panel and text": 0.3, "panel": 0.25, "bars and text": 0.05, "text": 0.4}  # of triplets
OUTLINED, COMPRESSED = 0.2, 0.6  # shares of all triplets


def with_overlay(draw: np.random.Generator, frames: tuple[Bytes, Bytes, Bytes], t: float) -> Sample:
    """Make a triplet under an overlay that stands still, and compute its flows again: an overlay attracts them.

    Args:
        frames: left, middle, right, each (H, W, 3) uint8 RGB; they are not changed.
    """
    shown = tuple(frame.copy() for frame in frames)
    kinds = draw.choice(list(SHARES), p=list(SHARES.values()))
    if "panel" in kinds:
        _panel(draw, shown)
    if "bars" in kinds:
        _bars(draw, shown)
    if "text" in kinds:
        for _ in range(int(draw.integers(1, 5))):
            _text(draw, shown)
    if draw.random() < OUTLINED:
        _outline(draw, shown)
    left, middle, right = _compressed(draw, shown) if draw.random() < COMPRESSED else shown
    return measure((left, middle, right), t, pair_flow(to_float(left), to_float(right)))


def _colour(draw: np.random.Generator) -> tuple[int, int, int]:
    """Draw a grey or a colour, more often near black or white than between."""
    red, green, blue = (int(255 * value) for value in draw.beta(0.5, 0.5, 3))
    return (red, red, red) if draw.random() < 0.6 else (red, green, blue)


def _compressed(draw: np.random.Generator, shown: tuple[Bytes, ...]) -> list[Bytes]:
    """Store frames with loss, so that what stands still differs slightly from frame to frame."""
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(draw.integers(55, 97))]
    return [cv2.imdecode(cv2.imencode(".jpg", frame, quality)[1], cv2.IMREAD_COLOR) for frame in shown]


def _outline(draw: np.random.Generator, shown: tuple[Bytes, ...]) -> None:
    """Paste the outline of a rectangle."""
    height, width = shown[0].shape[:2]
    (left, right), (top, bottom) = (np.sort(draw.integers(0, side, 2)).tolist() for side in (width, height))
    thick, colour = int(draw.integers(1, 5)), _colour(draw)
    for frame in shown:
        cv2.rectangle(frame, (left, top), (right, bottom), colour, thick)


def _panel(draw: np.random.Generator, shown: tuple[Bytes, ...]) -> None:
    """Paste a rectangle or ellipse, plain or shaded, opaque or translucent."""
    height, width = shown[0].shape[:2]
    tall, wide = (int(side * draw.uniform(0.08, 0.6)) for side in (height, width))
    top, left = int(draw.integers(-tall // 3, height - tall // 2)), int(draw.integers(-wide // 3, width - wide // 2))
    mask = np.zeros((height, width), np.uint8)
    if draw.random() < 0.8:
        cv2.rectangle(mask, (left, top), (left + wide, top + tall), 255, cv2.FILLED)
    else:
        cv2.ellipse(mask, (left + wide // 2, top + tall // 2), (wide // 2, tall // 2), 0, 0, 360, 255, -1, cv2.LINE_AA)
    cover = mask[..., None].astype(np.float32) / 255
    if draw.random() < 0.2:
        cover *= draw.uniform(LEAST_COVER, 0.95)
    ends = np.array([_colour(draw), _colour(draw)], np.float32)
    slope = np.linspace(0, draw.choice([0.0, 0.0, 1.0]), width, dtype=np.float32)[None, :, None]
    paint = ends[0] * (1 - slope) + ends[1] * slope
    for frame in shown:
        frame[:] = np.rint(frame * (1 - cover) + paint * cover)


def _bars(draw: np.random.Generator, shown: tuple[Bytes, ...]) -> None:
    """Paste black bars along one or two edges."""
    thick = int(shown[0].shape[0] * draw.uniform(0.05, 0.25))
    both, lying = draw.random() < 0.3, draw.random() < 0.5
    for frame in shown:
        edge = frame if lying else frame.transpose(1, 0, 2)
        edge[:thick] = 0
        if both:
            edge[-thick:] = 0


def _text(draw: np.random.Generator, shown: tuple[Bytes, ...]) -> None:
    """Paste a line of letters and digits, some of them outlined."""
    height, width = shown[0].shape[:2]
    line = "".join(draw.choice(list(MARKS), int(draw.integers(3, 14))))
    place = int(draw.integers(-20, width // 2)), int(draw.integers(15, height))
    font = int(draw.choice([cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_COMPLEX]))
    size = float(np.exp(draw.uniform(np.log(0.35), np.log(2.2))))
    thick, colour = int(draw.integers(1, 4)), _colour(draw)
    outline = tuple(255 - value for value in colour) if draw.random() < 0.3 else None
    for frame in shown:
        if outline:
            cv2.putText(frame, line, place, font, size, outline, thick + 3, cv2.LINE_AA)
        cv2.putText(frame, line, place, font, size, colour, thick, cv2.LINE_AA)

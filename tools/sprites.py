"""Small things that move fast, for training: balls, limbs, blobs and text pasted over a triplet, blurred by motion."""

from __future__ import annotations

import string
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from lite_data import Bytes, Sample, measure, to_float

from ifrplus_cli.frames.flow import pair_flow
from ifrplus_cli.values import Image

KINDS = {"ball": 0.25, "limb": 0.4, "blob": 0.25, "text": 0.1}
MOST = 3  # sprites over a triplet
SHORTEST, LONGEST = 6.0, 70.0  # pixels that a sprite moves from the left frame to the right one
EXPOSURES = 5  # pictures averaged for the blur of a frame
LONGEST_SHUTTER = 0.3  # of the time between left and right: more than half of a film's frame


@dataclass(frozen=True)
class Sprite:
    """Colour (S, S, 3) and cover (S, S), both float32 in 0..1, and the path of its middle.

    Attributes:
        middle, shift, bend: (2,) pixels: where it is halfway, how far it moves, and how far its path is from straight.
        angle, turn, growth: radians halfway and over the whole time; logarithm of the scale over the whole time.
        pivot: (2,) pixels of the sprite: what moves along the path, and around which it turns.
    """

    colour: Image
    cover: npt.NDArray[np.float32]
    middle: npt.NDArray[np.float64]
    shift: npt.NDArray[np.float64]
    bend: npt.NDArray[np.float64]
    angle: float
    turn: float
    growth: float
    pivot: npt.NDArray[np.float64]

    def matrix(self, time: float) -> npt.NDArray[np.float64]:
        """Return the 2 x 3 matrix from the sprite to the frame at ``time``, 0 at the left frame and 1 at the right."""
        offset = time - 0.5
        angle, scale = self.angle + offset * self.turn, np.exp(offset * self.growth)
        cosine, sine = scale * np.cos(angle), scale * np.sin(angle)
        rotation = np.array([[cosine, -sine], [sine, cosine]])
        place = self.middle + offset * self.shift + (4 * offset * offset - 1) * self.bend
        return np.column_stack([rotation, place - rotation @ self.pivot])


def with_sprites(draw: np.random.Generator, frames: tuple[Bytes, Bytes, Bytes], t: float, texture: Bytes) -> Sample:
    """Make a triplet over which small things move, and compute its flows again.

    Args:
        frames: left, middle, right, each (H, W, 3) uint8 RGB; they are not changed.
        texture: (H, W, 3) uint8 RGB, another picture, of which the sprites are cut.
    """
    scenes = [to_float(frame) for frame in frames]
    height, width = frames[0].shape[:2]
    shutter = float(draw.uniform(0, LONGEST_SHUTTER))
    for _ in range(int(draw.integers(1, MOST + 1))):
        sprite = _sprite(draw, to_float(texture), (width, height))
        for scene, time in zip(scenes, (0.0, t, 1.0), strict=True):
            _paste(scene, sprite, time + shutter * np.linspace(-0.5, 0.5, EXPOSURES))
    left, middle, right = (np.clip(np.rint(scene * 255), 0, 255).astype(np.uint8) for scene in scenes)
    return measure((left, middle, right), t, pair_flow(to_float(left), to_float(right)))


def _paste(scene: Image, sprite: Sprite, times: npt.NDArray[np.float64]) -> None:
    """Put the mean of the sprite at ``times`` over ``scene``."""
    size = scene.shape[1::-1]
    seen = np.dstack([sprite.colour * sprite.cover[..., None], sprite.cover])
    mean = np.mean([cv2.warpAffine(seen, sprite.matrix(time), size, flags=cv2.INTER_LINEAR) for time in times], axis=0)
    scene *= 1 - mean[..., 3:]
    scene += mean[..., :3]


def _sprite(draw: np.random.Generator, texture: Image, size: tuple[int, int]) -> Sprite:
    kind = str(draw.choice(list(KINDS), p=list(KINDS.values())))
    cover = {"ball": _ball, "limb": _limb, "blob": _blob, "text": _text}[kind](draw)
    side = len(cover)
    length = float(np.exp(draw.uniform(np.log(SHORTEST), np.log(LONGEST))))
    turns = {"ball": 0.1, "limb": 0.5, "blob": 0.2, "text": 0.0}[kind]
    return Sprite(
        colour=_paint(draw, texture, side),
        cover=cover,
        middle=draw.uniform(0.05, 0.95, 2) * size,
        shift=length * _direction(draw),
        bend=length * float(draw.uniform(0, 0.12)) * _direction(draw),
        angle=0.0 if kind == "text" else float(draw.uniform(0, 2 * np.pi)),
        turn=float(draw.normal(0, 1)) * turns,
        growth=0.0 if kind == "text" else float(draw.normal(0, 0.06)),
        pivot=np.array([side * (0.1 if kind == "limb" else 0.5), side / 2]),
    )


def _direction(draw: np.random.Generator) -> npt.NDArray[np.float64]:
    """Draw a unit vector, more often level than not: so does most of what moves."""
    angle = draw.uniform(0, 2 * np.pi)
    vector = np.array([np.cos(angle), 0.6 * np.sin(angle)])
    return vector / np.linalg.norm(vector)


def _paint(draw: np.random.Generator, texture: Image, side: int) -> Image:
    """Cut a square out of ``texture``, or shade a plain colour."""
    if draw.random() < 0.6:
        cut = min(side, *texture.shape[:2])
        top, left = (int(draw.integers(whole - cut + 1)) for whole in texture.shape[:2])
        return cv2.resize(texture[top : top + cut, left : left + cut], (side, side))
    ends = np.clip(draw.random(3) + draw.normal(0, 0.15, (2, 3)), 0, 1).astype(np.float32)
    slope = np.linspace(0, 1, side, dtype=np.float32)[:, None, None]
    return np.repeat(ends[0] * (1 - slope) + ends[1] * slope, side, axis=1)


def _soft(mask: Bytes) -> npt.NDArray[np.float32]:
    return cv2.GaussianBlur(mask, (0, 0), 0.7).astype(np.float32) / 255


def _ball(draw: np.random.Generator) -> npt.NDArray[np.float32]:
    radius = int(np.exp(draw.uniform(np.log(4), np.log(28))))
    mask = np.zeros((2 * radius + 9,) * 2, np.uint8)
    cv2.circle(mask, (radius + 4, radius + 4), radius, 255, cv2.FILLED, cv2.LINE_AA)
    return _soft(mask)


def _limb(draw: np.random.Generator) -> npt.NDArray[np.float32]:
    """Draw a forearm with its hand, or a bare bar: thicker at one end, bent in the middle."""
    side = int(draw.integers(36, 130))
    mask = np.zeros((side, side), np.uint8)
    thick = int(draw.integers(3, max(5, side // 5)))
    elbow = (side // 2, int(side * draw.uniform(0.3, 0.7)))
    hand = (side - thick - 2, int(side * draw.uniform(0.2, 0.8)))
    cv2.line(mask, (thick + 2, side // 2), elbow, 255, thick, cv2.LINE_AA)
    cv2.line(mask, elbow, hand, 255, max(2, int(thick * draw.uniform(0.5, 1))), cv2.LINE_AA)
    cv2.circle(mask, hand, int(thick * draw.uniform(0.5, 1)), 255, cv2.FILLED, cv2.LINE_AA)
    return _soft(mask)


def _blob(draw: np.random.Generator) -> npt.NDArray[np.float32]:
    side = int(draw.integers(24, 110))
    angles = np.sort(draw.uniform(0, 2 * np.pi, int(draw.integers(5, 12))))
    reaches = side * draw.uniform(0.15, 0.45, len(angles))
    points = side / 2 + reaches[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    mask = np.zeros((side, side), np.uint8)
    cv2.fillPoly(mask, [points.astype(np.int32)], 255, cv2.LINE_AA)
    return _soft(mask)


def _text(draw: np.random.Generator) -> npt.NDArray[np.float32]:
    line = "".join(draw.choice(list(string.ascii_letters + string.digits), int(draw.integers(2, 9))))
    scale = float(draw.uniform(0.4, 1.6))
    thick = int(draw.integers(1, 4))
    (width, height), _ = cv2.getTextSize(line, cv2.FONT_HERSHEY_SIMPLEX, scale, thick)
    side = max(width, height) + 12
    mask = np.zeros((side, side), np.uint8)
    cv2.putText(mask, line, (6, side // 2), cv2.FONT_HERSHEY_SIMPLEX, scale, 255, thick, cv2.LINE_AA)
    return _soft(mask)

"""Generate a scene for measurements: textured layers, each with its own speed, some of them rotating."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from ifrplus_cli.values import Image

SEED = 20
OBJECTS = 5
COARSEST_CELL, FINEST_CELL = 128, 2  # cell sizes of the texture's octaves in pixels
SCENE_PACE, OBJECT_PACE = 0.004, 0.02  # motion per frame, as a share of the width
TURN = 0.01  # largest rotation per frame in radians


@dataclass(frozen=True)
class _Layer:
    """A picture that moves: ``velocity`` in pixels and ``turn`` in radians per frame, about ``centre`` (x, y)."""

    picture: Image
    opacity: npt.NDArray[np.float32]
    centre: tuple[float, float]
    velocity: tuple[float, float]
    turn: float

    def at(self, frame: int) -> tuple[Image, npt.NDArray[np.float32]]:
        """Picture and opacity after ``frame`` frames of motion; what enters at the edges is mirrored, transparent."""
        matrix = cv2.getRotationMatrix2D(self.centre, math.degrees(self.turn * frame), 1.0)
        matrix[:, 2] += np.multiply(self.velocity, frame)
        height, width = self.opacity.shape
        picture = cv2.warpAffine(self.picture, matrix, (width, height), borderMode=cv2.BORDER_REFLECT_101)
        return picture, cv2.warpAffine(self.opacity, matrix, (width, height))


def moving_scene(width: int, height: int, frames: int) -> Iterator[Image]:
    """Yield float32 H x W x 3 RGB frames in 0..1, the same each time, with texture of all sizes and several motions."""
    random = np.random.default_rng(SEED)
    background, *objects = (_layer(random, width, height, pace) for pace in (SCENE_PACE, *[OBJECT_PACE] * OBJECTS))
    for index in range(frames):
        image, _ = background.at(index)
        for layer in objects:
            picture, opacity = layer.at(index)
            image += opacity[..., np.newaxis] * (picture - image)
        yield image


def _layer(random: np.random.Generator, width: int, height: int, pace: float) -> _Layer:
    """Return a textured ellipse somewhere in the picture, and a motion of ``pace`` widths per frame."""
    centre = (random.uniform(0.2, 0.8) * width, random.uniform(0.2, 0.8) * height)
    diameters = (random.uniform(0.12, 0.32) * width, random.uniform(0.2, 0.5) * height)
    opacity = np.zeros((height, width), np.float32)
    cv2.ellipse(opacity, (centre, diameters, random.uniform(0, 180)), 1.0, cv2.FILLED)
    angle = random.uniform(0, 2 * math.pi)
    velocity = (pace * width * math.cos(angle), pace * width * math.sin(angle))
    return _Layer(texture(random, width, height), opacity, centre, velocity, random.uniform(-TURN, TURN))


def texture(random: np.random.Generator, width: int, height: int) -> Image:
    """Make noise in octaves, float32 H x W x 3 in 0..1, about a random colour; larger cells are stronger."""
    image = np.tile(random.uniform(0.3, 0.7, 3).astype(np.float32), (height, width, 1))
    cell = COARSEST_CELL
    while cell >= FINEST_CELL:
        noise = random.uniform(-1, 1, (height // cell + 2, width // cell + 2, 3)).astype(np.float32)
        strength = np.float32(0.25 * (cell / COARSEST_CELL) ** 0.5)
        image += strength * cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)
        cell //= 2
    return np.clip(image, 0, 1)

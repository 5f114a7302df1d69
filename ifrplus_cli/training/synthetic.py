"""Generate examples of motion: textured layers with random shapes and motions, exact at any time."""

from __future__ import annotations

import cv2
import numpy as np

from ifrplus_cli.frames.pictures import as_codes
from ifrplus_cli.frames.synthetic_scene import texture
from ifrplus_cli.training.augment import Example
from ifrplus_cli.training.example import example_of
from ifrplus_cli.values import Image

MARGIN = 64  # pixels by which an example is larger than a crop
LAYERS = (2, 5)
LEAST_SHIFT, MOST_SHIFT = 1.0, 40.0  # pixels between left and right
TURN, GROWTH = 0.06, 0.05  # standard deviations in radians, and of the logarithm of the size
TIMES = (0.5, 0.5, 0.5, 0.25, 1 / 3, 2 / 3, 0.75)


class SyntheticMotion:
    """An endless source of generated examples; the example of a given number is always the same."""

    def __init__(self, least: int, seed: int) -> None:
        self._size = least + MARGIN
        self._seed = seed

    def example(self, number: int) -> Example:
        """Return the example of a number, larger than a crop."""
        draw = np.random.default_rng((self._seed, number, 2))
        t = float(draw.choice(TIMES))
        scenes = [np.zeros((self._size, self._size, 3), np.float32) for _ in range(3)]
        for layer in range(int(draw.integers(*LAYERS))):
            picture = texture(draw, self._size, self._size)
            cover = _blob(draw, self._size) if layer else np.ones((self._size, self._size), np.float32)
            motion = _motion(draw)
            for index, time in enumerate((0.0, t, 1.0)):
                _put(scenes[index], picture, cover, _moved(motion, time - 0.5, self._size))
        left, true, right = (as_codes(scene) for scene in scenes)
        return example_of((left, true, right), t)


def _blob(draw: np.random.Generator, size: int) -> np.ndarray:
    """Draw a polygon around a random place, 1 inside, with soft edges."""
    angles = np.sort(draw.uniform(0, 2 * np.pi, int(draw.integers(4, 12))))
    reach = draw.uniform(0.1, 0.35, len(angles)) * size
    corners = draw.uniform(0.25, 0.75, 2) * size + reach[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    mask = np.zeros((size, size), np.float32)
    cv2.fillPoly(mask, [corners.astype(np.int32)], 1.0)
    return cv2.GaussianBlur(mask, (0, 0), 0.7)


def _motion(draw: np.random.Generator) -> tuple[float, float, float, float]:
    """Draw shift (x, y) in pixels, rotation in radians and log scale, from left to right."""
    length = np.exp(draw.uniform(np.log(LEAST_SHIFT), np.log(MOST_SHIFT)))
    angle = draw.uniform(0, 2 * np.pi)
    return length * np.cos(angle), length * np.sin(angle), draw.normal(0, TURN), draw.normal(0, GROWTH)


def _moved(motion: tuple[float, float, float, float], share: float, size: int) -> np.ndarray:
    """Return the 2 x 3 matrix of a ``share`` of a motion about the middle."""
    across, down, turn, growth = (share * amount for amount in motion)
    matrix = cv2.getRotationMatrix2D((size / 2, size / 2), np.degrees(turn), float(np.exp(growth)))
    matrix[:, 2] += across, down
    return matrix


def _put(scene: Image, picture: Image, cover: np.ndarray, matrix: np.ndarray) -> None:
    """Composite a layer over the scene, in place."""
    size = scene.shape[1::-1]
    colour = cv2.warpAffine(picture, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    edge = cv2.BORDER_REFLECT_101 if cover.all() else cv2.BORDER_CONSTANT
    opacity = cv2.warpAffine(cover, matrix, size, flags=cv2.INTER_LINEAR, borderMode=edge)[..., None]
    scene += opacity * (colour - scene)

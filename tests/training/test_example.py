"""Triplets become examples: a teacher's flow may be given, and pairs that teach nothing are told."""

from __future__ import annotations

import numpy as np

from ifrplus_cli.frames import synthetic_scene
from ifrplus_cli.frames.pictures import as_codes
from ifrplus_cli.training.example import STILL, example_of, moves, one_scene


def textures(count: int, shift: int, seed: int = 0, side: int = 96) -> list[np.ndarray]:
    """Frames of a texture that moves to the left by ``shift`` pixels a frame."""
    texture = as_codes(synthetic_scene.texture(np.random.default_rng(seed), 256, side))
    return [np.ascontiguousarray(texture[:side, shift * k : shift * k + side]) for k in range(count)]


def test_a_teacher_that_is_given_is_taken() -> None:
    left, true, right = textures(3, 3)
    teacher = np.full((4, 24, 24), 7, np.float32)
    example = example_of((left, true, right), 0.5, teacher=teacher)
    assert (example.flows[4:] == 7).all()
    assert np.abs(example.flows[:4]).mean() > STILL


def test_sides_are_multiples_of_the_grid() -> None:
    example = example_of(tuple(textures(3, 3, side=99)), 0.5)  # type: ignore[arg-type]
    assert example.true.shape == (96, 96, 3)
    assert example.flows.shape == (8, 24, 24)


def test_pairs_that_stand_still_or_are_of_two_scenes_are_told() -> None:
    (left, right), (other, _) = textures(2, 3), textures(2, 0, seed=1)
    assert moves(left, right) and not moves(left, left)
    assert one_scene(left, right) and not one_scene(left, other)

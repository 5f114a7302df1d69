"""Frames of a moving picture show whether two moments are woven into them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from ifrplus_cli.frames.fields import FieldCounts, count_fields


def moving_picture(frames: int, *, contrast: float = 1.0) -> list[np.ndarray]:
    """A random texture that moves by 3 pixels across and 1 down with every frame."""
    noise = np.random.default_rng(0).integers(0, 256, (400, 600), dtype=np.uint8)
    texture = cv2.GaussianBlur(noise, (0, 0), 2).astype(float)
    texture = np.clip(128 + (texture - 128) * 5, 0, 255) * contrast
    return [texture[n : n + 96, 3 * n : 3 * n + 128].astype(np.uint8) for n in range(frames)]


def weave(first: np.ndarray, second: np.ndarray, *, top_first: bool = True) -> np.ndarray:
    frame = first.copy()
    lines = slice(1 if top_first else 0, None, 2)
    frame[lines] = second[lines]
    return frame


def telecine(frames: list[np.ndarray]) -> list[np.ndarray]:
    made = []
    for n in range(0, len(frames) - 3, 4):
        a, b, c, d = frames[n : n + 4]
        made += [a, b, weave(b, c), weave(c, d), d]
    return made


def test_frames_of_one_moment_are_progressive() -> None:
    assert count_fields(moving_picture(16)).kind == "progressive"


@pytest.mark.parametrize(("top_first", "order"), [(True, "tff"), (False, "bff")])
def test_woven_frames_show_the_order_of_their_fields(top_first: bool, order: str) -> None:
    moments = moving_picture(32)
    woven = [weave(*moments[n : n + 2], top_first=top_first) for n in range(0, 32, 2)]
    counts = count_fields(woven)
    assert (counts.kind, counts.order) == ("interlaced", order)


@pytest.mark.parametrize("contrast", [1.0, 0.15])
def test_repeated_fields_show_film_on_ntsc(contrast: float) -> None:
    assert count_fields(telecine(moving_picture(16, contrast=contrast))).kind == "telecined"


def test_still_frames_and_a_single_one_show_nothing() -> None:
    still = moving_picture(1)
    for frames in (still * 8, still, []):
        counts = count_fields(frames)
        assert (counts, counts.kind, counts.order) == (FieldCounts(), None, "auto")

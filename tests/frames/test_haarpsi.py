"""HaarPSI: against its definition, worked out place by place, and against an outside implementation where one is."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

from ifrplus_cli.frames.haarpsi import haarpsi


def picture_of(height: int = 24, width: int = 32, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return cv2.GaussianBlur(random, (0, 0), 1.5)


def coefficient(plane: np.ndarray, y: int, x: int, scale: int, *, upright: bool) -> float:
    """The magnitude of one coefficient; beyond the edges there is nothing."""
    size = 2**scale
    half = size // 2
    padded = np.pad(plane, size)
    window = padded[y + size - half + 1 : y + size + half + 1, x + size - half + 1 : x + size + half + 1]
    first, second = (window[:, :half], window[:, half:]) if upright else (window[:half], window[half:])
    return abs(float(first.sum() - second.sum())) / size


def by_definition(picture: np.ndarray, truth: np.ndarray) -> float:
    yiq = np.array([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])
    planes = []
    for image in (picture, truth):
        halved = image.astype(float).reshape(image.shape[0] // 2, 2, image.shape[1] // 2, 2, 3).mean((1, 3))
        planes.append(np.moveaxis(halved @ yiq.T, 2, 0))

    def similarity(one: float, two: float) -> float:
        return (2 * one * two + 30) / (one * one + two * two + 30)

    def mean4(plane: np.ndarray, y: int, x: int) -> float:
        return abs(float(np.pad(plane, ((0, 1), (0, 1)))[y : y + 2, x : x + 2].sum())) / 4

    likeness = weights = 0.0
    for y, x in np.ndindex(*planes[0][0].shape):
        of_colours = 0.0
        for upright in (False, True):
            alike = [
                similarity(*(coefficient(yiq[0], y, x, scale, upright=upright) for yiq in planes)) for scale in (1, 2)
            ]
            weight = max(coefficient(yiq[0], y, x, 3, upright=upright) for yiq in planes)
            likeness += weight / (1 + math.exp(-4.2 * sum(alike) / 2))
            weights += weight
            of_colours += weight / 2
        colours = [similarity(*(mean4(yiq[channel], y, x) for yiq in planes)) for channel in (1, 2)]
        likeness += of_colours / (1 + math.exp(-4.2 * sum(colours) / 2))
        weights += of_colours
    share = likeness / weights
    return (math.log(share / (1 - share)) / 4.2) ** 2


def test_it_follows_the_definition() -> None:
    one, two = picture_of(), picture_of(seed=1)
    assert haarpsi(one, two) == pytest.approx(by_definition(one, two), abs=1e-5)
    assert haarpsi(one, cv2.GaussianBlur(one, (0, 0), 1)) == pytest.approx(
        by_definition(one, cv2.GaussianBlur(one, (0, 0), 1)), abs=1e-5
    )


def test_it_is_that_of_an_outside_implementation() -> None:
    piq, torch = pytest.importorskip("piq"), pytest.importorskip("torch")

    def tensor(picture: np.ndarray) -> object:
        return torch.from_numpy(picture.transpose(2, 0, 1)[None].astype(np.float32) / 255)

    for seed in range(3):
        one, two = picture_of(96, 128, seed), picture_of(96, 128, seed + 10)
        mixed = cv2.addWeighted(one, 0.7, two, 0.3, 0)
        assert haarpsi(one, mixed) == pytest.approx(float(piq.haarpsi(tensor(one), tensor(mixed))), abs=1e-3)


def test_equal_pictures_are_alike_and_others_less() -> None:
    picture, black = picture_of(), np.zeros((24, 32, 3), np.uint8)
    assert haarpsi(picture, picture) == pytest.approx(1, abs=1e-6)
    assert haarpsi(black, black) == 1
    slightly, much = (cv2.GaussianBlur(picture, (0, 0), sigma) for sigma in (1, 3))
    assert 1 > haarpsi(slightly, picture) > haarpsi(much, picture) > 0


def test_odd_sizes_are_compared_without_their_last_row_and_column() -> None:
    one, two = picture_of(25, 33), picture_of(25, 33, seed=1)
    assert haarpsi(one, two) == haarpsi(one[:-1, :-1], two[:-1, :-1])


def test_sizes_that_differ_or_are_too_small_are_refused() -> None:
    with pytest.raises(ValueError, match="of one size"):
        haarpsi(picture_of(), picture_of(26))
    with pytest.raises(ValueError, match="at least 16"):
        haarpsi(picture_of(12), picture_of(12))

"""Augmented examples: flows still match the pictures."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from ifrplus_cli.training.augment import (
    Augmentation,
    Example,
    augmented,
    backwards,
    enlarged,
    middle_part,
    mirrored,
    recoloured,
    transposed,
    upside_down,
)

SIZE = 96
SHIFT = (8, 4)  # pixels that content moves from left to right, x and y; the true picture is half-way
ALWAYS = Augmentation(1, 1, 1, 1, 1, 1)


def example() -> Example:
    """A texture that moves, and the flows that say so."""
    noise = np.random.default_rng(1).integers(0, 256, (SIZE + 32, SIZE + 32, 3), np.uint8)
    texture = cv2.GaussianBlur(noise, (0, 0), 3)

    def at(share: float) -> np.ndarray:
        x, y = (16 - round(share * shift) for shift in SHIFT)
        return texture[y : y + SIZE, x : x + SIZE]

    flow = np.float32([-SHIFT[0] / 2, -SHIFT[1] / 2, SHIFT[0] / 2, SHIFT[1] / 2])
    flows = np.tile(np.concatenate([flow, flow])[:, None, None], (1, SIZE // 4, SIZE // 4))
    return Example(at(-0.5), at(0), at(0.5), 0.5, flows)


def explained(changed: Example) -> float:
    """Mean difference of the true picture and both others where the flows lead, in codes."""
    height, width = changed.true.shape[:2]
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    errors = []
    for picture, first in ((changed.left, 0), (changed.right, 2), (changed.left, 4), (changed.right, 6)):
        flow = [cv2.resize(changed.flows[first + k], (width, height)) for k in range(2)]
        met = cv2.remap(np.ascontiguousarray(picture), x + flow[0], y + flow[1], cv2.INTER_LINEAR)
        inner = np.s_[20:-20, 20:-20]
        errors.append(np.abs(met[inner].astype(float) - changed.true[inner]).mean())
    return float(max(errors))


@pytest.mark.parametrize("change", [upside_down, mirrored, transposed, recoloured, backwards])
def test_flows_still_explain_the_pictures(change: object) -> None:
    before = example()
    assert explained(before) < 0.01
    after = change(before)  # type: ignore[operator]
    assert explained(after) < 0.01
    assert not np.array_equal(after.left, before.left)
    again = change(after)  # type: ignore[operator]
    assert np.array_equal(again.true, before.true) and np.array_equal(again.flows, before.flows)


def test_enlarging_enlarges_motion() -> None:
    before = example()
    after = enlarged(before, 2 * SIZE)
    assert after.true.shape == (2 * SIZE, 2 * SIZE, 3)
    assert after.flows[2].mean() == pytest.approx(SHIFT[0])
    assert explained(after) < 1


def test_backwards_reverses_time() -> None:
    before = Example(*(example().left,) * 3, 0.25, example().flows)
    assert backwards(before).t == 0.75


def test_parts_have_the_size_of_a_crop_and_a_seed_makes_them_the_same() -> None:
    made = [augmented(example(), 64, ALWAYS, np.random.default_rng(5)) for _ in range(2)]
    assert made[0].true.shape == (64, 64, 3)
    assert made[0].flows.shape == (8, 16, 16)
    assert explained(made[0]) < 3
    assert all(np.array_equal(getattr(made[0], name), getattr(made[1], name)) for name in ("left", "true", "flows"))
    assert np.array_equal(middle_part(example(), 64).true, example().true[16:80, 16:80])

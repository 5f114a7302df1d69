"""The moving part is found, with a margin around it, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ifrplus_cli.frames import motion_box
from ifrplus_cli.frames.motion_box import BOX_STEP, CELL, SURROUNDINGS, Box, moves, moving_box

STEP = 1 / 255


def pictures(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    picture = np.random.default_rng(0).random((height, width, 3), np.float32)
    return picture, picture.copy()


def test_equal_pictures_have_no_box() -> None:
    assert moving_box(*pictures(100, 120)) is None


@pytest.mark.parametrize(("change", "seen"), [(STEP, False), (-STEP, False), (2 * STEP, True), (-2 * STEP, True)])
def test_a_step_of_eight_bits_is_noise(change: float, seen: bool) -> None:
    left, right = pictures(64, 64)
    right += np.float32(change)
    assert moves(left, right) is seen
    assert (moving_box(left, right) is not None) is seen


@given(
    st.tuples(st.integers(1, 900), st.integers(1, 900)),
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.floats(0, 1, exclude_max=True)), min_size=1, max_size=3),
)
def test_the_box_holds_all_changes_with_a_margin(size: tuple[int, int], places: list[tuple[float, float]]) -> None:
    height, width = size
    left, right = np.zeros((height, width, 3), np.float32), np.zeros((height, width, 3), np.float32)
    spots = [(int(y * height), int(x * width)) for y, x in places]
    for number, (y, x) in enumerate(spots):
        right[y, x, number] = 0.5
    box = moving_box(left, right)
    assert box is not None
    for y, x in spots:
        assert box.top <= max(y - SURROUNDINGS, 0) and box.bottom >= min(y + 1 + SURROUNDINGS, height)
        assert box.left <= max(x - SURROUNDINGS, 0) and box.right >= min(x + 1 + SURROUNDINGS, width)
    assert box.top % BOX_STEP == box.left % BOX_STEP == 0
    assert box.bottom == height or box.bottom % BOX_STEP == 0
    assert min(y for y, _ in spots) - box.top < SURROUNDINGS + BOX_STEP + 2 * CELL
    assert box.right - max(x for _, x in spots) <= SURROUNDINGS + BOX_STEP + 2 * CELL


def test_a_part_is_put_back_where_it_was_cut() -> None:
    picture, _ = pictures(60, 80)
    box = Box(10, 20, 30, 50)
    part = box.cut(picture)
    assert part.shape[:2] == box.size == (20, 30)
    filled = box.put(np.zeros_like(part), picture.copy())
    assert not box.cut(filled).any()
    filled[10:30, 20:50] = picture[10:30, 20:50]
    np.testing.assert_array_equal(filled, picture)


def test_noise_and_compression_do_not_move_but_fine_things_do() -> None:
    left, _ = pictures(320, 480)
    draw = np.random.default_rng(1)
    right = left + draw.normal(0, STEP, left.shape).clip(-6 * STEP, 6 * STEP).astype(np.float32)
    assert moving_box(left, right) is None
    right[150:153, 200] += 12 * STEP  # three pixels of a thin line
    box = moving_box(left, right)
    assert box is not None
    assert box.size == (288, 288)
    right[150:153, 200] = left[150:153, 200]
    right[160:170, 300:310] += 2 * STEP  # faint, but all of it
    assert moving_box(left, right) is not None


def test_means_are_not_computed_where_samples_move_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    left, right = pictures(100, 120)
    monkeypatch.setattr(motion_box, "_moved_cells", None)
    assert moving_box(left, 1 - right) == Box(0, 0, 100, 120)

"""Doubt: none where the frames agree or the made frame is a mixture of them, some where neither holds."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from clips import blend_model

from ifrplus_cli.frames.doubt import doubt_about
from ifrplus_cli.network.interpolator import Interpolator

SIZE = (48, 64)
STILL = np.zeros((4, 12, 16), np.float32)


def grey(value: float) -> np.ndarray:
    return np.full((*SIZE, 3), value, np.float32)


def test_frames_that_agree_raise_no_doubt() -> None:
    assert doubt_about(grey(0.5), grey(0.5), grey(0.9), STILL).share == 0


def test_a_mixture_of_both_raises_no_doubt() -> None:
    assert doubt_about(grey(0.2), grey(0.8), grey(0.35), STILL).share == 0


def test_what_neither_frame_explains_is_doubtful() -> None:
    made = grey(0.5)
    made[16:32, 16:32] = (1, 0, 0)
    doubt = doubt_about(grey(0.2), grey(0.8), made, STILL)
    assert doubt.strength.shape == (12, 16)
    assert doubt.strength[6, 6] == 1
    assert doubt.strength[0, 12] == 0
    assert 0.1 < doubt.share < 0.5


def test_frames_are_compared_along_the_motion() -> None:
    """A spot that moves by eight pixels lies in the middle between them: the flow explains it, or does not."""
    left, right, made = (grey(0.2) for _ in range(3))
    left[16:32, 16:24], right[16:32, 24:32], made[16:32, 20:28] = 0.9, 0.9, (1, 0, 0)
    moving = np.stack([np.full((12, 16), value, np.float32) for value in (-4, 0, 4, 0)])
    assert doubt_about(left, right, made, moving).share < doubt_about(left, right, made, STILL).share


def test_sizes_need_not_be_multiples_of_a_cell() -> None:
    left, right, made = (np.full((50, 67, 3), value, np.float32) for value in (0.2, 0.8, 3.0))
    doubt = doubt_about(left, right, made, np.zeros((4, 16, 24), np.float32))
    assert doubt.strength.shape == (13, 17)


@pytest.mark.parametrize("inputs", [("left", "right", "t"), ("left", "right"), ("left", "right", "prior", "t")])
def test_every_network_can_be_doubted_and_its_frames_stay_as_they_are(inputs: tuple[str, ...]) -> None:
    random = np.random.default_rng(0)
    left, right = (random.random((*SIZE, 3), np.float32) for _ in range(2))

    def wrong(first: np.ndarray, *_: np.ndarray) -> np.ndarray:
        return np.full_like(first, 2)

    model = blend_model(wrong, SIZE, inputs)
    plain, doubting = Interpolator(model), Interpolator(model, doubt=True)
    (undoubted,) = plain.make(plain.look(left, right), [Fraction(1, 2)])
    (doubted,) = doubting.make(doubting.look(left, right), [Fraction(1, 2)])
    assert np.all(undoubted.image == 2) and np.all(doubted.image == 2)
    assert undoubted.doubt is None
    assert doubted.doubt and doubted.doubt.share > 0.3


def test_equal_frames_are_never_doubted() -> None:
    doubting = Interpolator(blend_model(), doubt=True)
    (made,) = doubting.make(doubting.look(grey(0.5), grey(0.5)), [Fraction(1, 2)])
    assert np.array_equal(made.image, grey(0.5))
    assert made.doubt is None


@pytest.mark.parametrize("timesteps", [["3/8"], ["1/4", "1/2", "3/4"]])
def test_doubts_of_frames_made_by_halving_are_their_own(timesteps: list[str]) -> None:
    random = np.random.default_rng(1)
    left, right = (random.random((*SIZE, 3), np.float32) for _ in range(2))
    model = blend_model(lambda one, other: 2 - (one + other) / 2, SIZE, ("left", "right"))
    doubting = Interpolator(model, doubt=True)
    motion = doubting.look(left, right)
    doubts = [frame.doubt for frame in doubting.make(motion, [Fraction(t) for t in timesteps])]
    (alone,) = doubting.make(motion, [Fraction(timesteps[-1])])
    assert len(doubts) == len(timesteps)
    assert doubts[-1] and alone.doubt
    np.testing.assert_array_equal(alone.doubt.strength, doubts[-1].strength)

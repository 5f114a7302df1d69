from __future__ import annotations

from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ifrplus_cli.network.bisection import largest_error, make_by_halving, nearest_reachable

timesteps = st.fractions(0, 1, max_denominator=1000)


@given(timesteps)
def test_the_nearest_eighth_is_at_most_a_sixteenth_away(t: Fraction) -> None:
    near = nearest_reachable(t)
    assert near.denominator in (1, 2, 4, 8)
    assert 0 <= near <= 1
    assert abs(near - t) <= Fraction(1, 16)
    assert largest_error([t]) == abs(near - t)


def test_eighths_are_exact() -> None:
    assert largest_error([Fraction(k, 8) for k in range(9)]) == 0
    assert largest_error([]) == 0


@given(st.lists(timesteps, max_size=20))
def test_every_picture_is_made_once_and_from_its_neighbours(steps: list[Fraction]) -> None:
    left, right = np.zeros((2, 2, 3), np.float32), np.ones((2, 2, 3), np.float32)
    made: list[float] = []

    def midpoint(one: np.ndarray, other: np.ndarray) -> np.ndarray:
        made.append(float((one[0, 0, 0] + other[0, 0, 0]) / 2))
        return (one + other) / 2

    pictures = make_by_halving(left, right, steps, midpoint)
    assert [Fraction(float(picture[0, 0, 0])) for picture in pictures] == [nearest_reachable(t) for t in steps]
    assert len(made) == len(set(made))


def test_source_frames_are_returned_as_they_are() -> None:
    left, right = np.zeros((2, 2, 3), np.float32), np.ones((2, 2, 3), np.float32)
    first, last = make_by_halving(left, right, [Fraction(1, 100), Fraction(99, 100)], lambda *_: left)
    assert first is left
    assert last is right

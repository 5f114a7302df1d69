"""Pictures for a person: 8 bits, differences around grey, motion as hue, doubt in red."""

from __future__ import annotations

import colorsys

import numpy as np
import pytest

from ifrplus_cli.frames.pictures import LARGEST_SHOWN, as_codes, difference, doubt_colours, fitted, flow_colours

GREY = np.full((24, 32, 3), 120, np.uint8)


def test_codes_are_rounded_and_clipped() -> None:
    assert as_codes(np.float32([-1, 0, 0.5, 1, 2, 100.4 / 255])).tolist() == [0, 0, 128, 255, 255, 100]


def test_a_difference_is_grey_where_there_is_none() -> None:
    made = GREY.copy()
    made[0, 0], made[0, 1], made[0, 2] = 130, 110, 255
    assert difference(made, GREY)[0, :4, 0].tolist() == [168, 88, 255, 128]


def test_large_pictures_are_made_smaller_and_small_ones_stay() -> None:
    assert fitted(np.zeros((2000, 1000, 3), np.uint8)).shape == (LARGEST_SHOWN, LARGEST_SHOWN // 2, 3)
    assert fitted(np.zeros((2, 4000, 3), np.uint8)).shape == (1, LARGEST_SHOWN, 3)
    assert fitted(GREY) is GREY


@pytest.mark.parametrize(("x", "y", "hue"), [(5, 0, 0), (0, 5, 0.25), (-5, 0, 0.5)])
def test_the_hue_of_motion_is_its_direction(x: float, y: float, hue: float) -> None:
    shown = flow_colours(np.full((6, 8, 2), (x, y), np.float32), GREY)
    assert shown.shape == GREY.shape
    assert colorsys.rgb_to_hsv(*(shown[12, 16] / 255))[0] == pytest.approx(hue, abs=0.01)
    assert (flow_colours(np.zeros((6, 8, 2), np.float32), GREY) == 255).all()


def test_doubt_is_red_over_a_pale_picture() -> None:
    strength = np.zeros((24, 32), np.float32)
    strength[:, 16:] = 1
    shown = doubt_colours(strength, GREY).astype(int)
    assert np.ptp(shown[5, 5]) == 0 and shown[5, 5, 0] > GREY[0, 0, 0]
    np.testing.assert_allclose(shown[5, 30], [217, 26, 26], atol=1)

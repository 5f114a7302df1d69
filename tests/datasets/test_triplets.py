"""Pictures of triplets are read unchanged, and unusable ones are named."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from clips import make_clip
from triplet_folders import write_triplet

from ifrplus_cli.datasets.layouts import find_dataset
from ifrplus_cli.datasets.triplets import Shown, read_picture, read_triplets
from ifrplus_cli.errors import InputError

RED = (255, 0, 0)


def read(folder: Path) -> list[Shown]:
    return list(read_triplets(find_dataset(folder)))


def refused(folder: Path) -> str:
    with pytest.raises(InputError) as error:
        read(folder)
    assert error.value.hint
    return error.value.message


def test_channels_are_red_green_and_blue(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "red.png"), np.full((12, 12, 3), RED[::-1], np.uint8))
    assert (read_picture(tmp_path / "red.png") == RED).all()


def test_grey_and_sixteen_bits_become_three_channels_of_eight(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "grey.png"), np.full((12, 13), 77 * 257, np.uint16))
    assert read_picture(tmp_path / "grey.png").shape == (12, 13, 3)
    assert (read_picture(tmp_path / "grey.png") == 77).all()


def test_pictures_of_different_size_are_named(tmp_path: Path) -> None:
    write_triplet(tmp_path / "a", *[(16, 20)] * 3)
    write_triplet(tmp_path / "b", (16, 20), (16, 22), (16, 20))
    assert refused(tmp_path) == "The pictures of the triplet b differ in size: 20x16, 22x16."


def test_pictures_smaller_than_the_window_are_named(tmp_path: Path) -> None:
    write_triplet(tmp_path / "small", *[(10, 40)] * 3)
    assert refused(tmp_path) == "The pictures of the triplet small are too small: 40x10."


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_pictures_that_are_cut_short_or_empty_are_named(tmp_path: Path, suffix: str) -> None:
    write_triplet(tmp_path / "a", *[(64, 64)] * 3, suffix=suffix)
    broken = tmp_path / "a" / f"im2.{suffix}"
    broken.write_bytes(broken.read_bytes()[:3000])
    assert refused(tmp_path) == f"The picture {broken} is damaged, or in an unknown format."
    broken.write_bytes(b"")
    assert refused(tmp_path) == f"The picture {broken} is damaged, or in an unknown format."


def test_frames_of_a_clip_come_with_their_timestep(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "vfr.mkv", frames=6, ticks=[0, 10, 40, 60, 80, 90])
    shown = read(path)
    assert [(one.group, one.name, one.t) for one in shown] == [
        ("vfr.mkv", "1", Fraction(1, 4)),
        ("vfr.mkv", "3", Fraction(1, 2)),
    ]
    assert (shown[0].right == shown[1].left).all()
    assert shown[0].size == (48, 64)
    assert (shown[0].left != shown[0].true).any()

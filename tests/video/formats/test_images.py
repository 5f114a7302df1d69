"""Images are found in their order and known by their headers, and what can't make a film is named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from ifrplus_cli.errors import InputError
from ifrplus_cli.video.formats.images import find_images, is_cut_short, is_sequence, read_headers


def touch(folder: Path, *names: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).touch()
    return folder


def names_of(path: Path) -> list[str]:
    return [file.name for file in find_images(path)]


def test_a_folder_is_read_in_natural_order_and_without_other_files(tmp_path: Path) -> None:
    touch(tmp_path, "f9.png", "f10.PNG", "f11.png", "notes.txt", ".f12.png", "Thumbs.db")
    (tmp_path / "f8.png").mkdir()
    assert names_of(tmp_path) == ["f9.png", "f10.PNG", "f11.png"]


def test_a_pattern_of_numbers_takes_these_alone(tmp_path: Path) -> None:
    touch(tmp_path, "a0009.png", "a0010.png", "a7.png", "b0010.png", "a0011.jpg")
    assert names_of(tmp_path / "a%04d.png") == ["a0009.png", "a0010.png"]


def test_a_glob_takes_names_as_they_are(tmp_path: Path) -> None:
    touch(tmp_path, "day1_0900.png", "day1_1200.png", "day2_0830.png")
    assert names_of(tmp_path / "day*.png") == ["day1_0900.png", "day1_1200.png", "day2_0830.png"]


@pytest.mark.parametrize("pattern", [".", "%d.png"])
def test_a_gap_is_named_unless_a_glob_says_that_it_is_none(pattern: str, tmp_path: Path) -> None:
    touch(tmp_path, "1.png", "2.png", "4.png")
    with pytest.raises(InputError, match=r"gap after 2\.png") as refused:
        find_images(tmp_path / pattern)
    assert f"{tmp_path}/*.png" in refused.value.hint
    assert len(find_images(tmp_path / "*.png")) == 3


@pytest.mark.parametrize(
    ("names", "told"),
    [((), "There is no image"), (("1.png",), "only one image"), (("1.png", "2.jpg", "3.jpeg"), "2 JPEG and 1 PNG")],
)
def test_what_makes_no_film_is_said(names: tuple[str, ...], told: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=told):
        find_images(touch(tmp_path, *names))


def test_a_file_goes_before_a_pattern(tmp_path: Path) -> None:
    touch(tmp_path, "100%d.mkv", "[a].mp4")
    found = [is_sequence(tmp_path / name) for name in ("100%d.mkv", "[a].mp4", "%d.png", "*.png", ".", "a.mp4")]
    assert found == [False, False, True, True, True, False]


def write(path: Path, size: tuple[int, int] = (8, 6), kind: type = np.uint8, channels: int = 3) -> Path:
    width, height = size
    cv2.imwrite(str(path), np.zeros((height, width, channels), kind))
    return path


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".webp"])
def test_headers_tell_size_and_kinds_of_samples(suffix: str, tmp_path: Path) -> None:
    files = [write(tmp_path / f"{number}{suffix}") for number in range(2)]
    one, other = read_headers(files)
    assert one == other
    assert (one.size, one.turn) == ((8, 6), None)


def test_depth_and_alpha_make_other_samples(tmp_path: Path) -> None:
    files = [
        write(tmp_path / "a.png"),
        write(tmp_path / "b.png", kind=np.uint16),
        write(tmp_path / "c.png", channels=4),
    ]
    assert len({header.samples for header in read_headers(files)}) == 3


def test_images_of_another_size_are_named(tmp_path: Path) -> None:
    files = [write(tmp_path / "1.png"), write(tmp_path / "2.png"), write(tmp_path / "3.png", (10, 6))]
    with pytest.raises(InputError, match=r"1\.png has 8x6, and 3\.png 10x6"):
        read_headers(files)


def damage_text(path: Path) -> None:
    path.write_text("Hello.\n" * 20)


def damage_length(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


@pytest.mark.parametrize("damage", [damage_text, damage_length, lambda path: path.write_bytes(b"")])
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
def test_an_image_that_cant_be_read_is_named(suffix: str, damage: Callable[[Path], object], tmp_path: Path) -> None:
    files = [write(tmp_path / f"{number}{suffix}", (64, 48)) for number in range(3)]
    damage(files[1])
    with pytest.raises(InputError, match=f"1{suffix}"):
        read_headers(files)


def test_a_whole_image_is_not_cut_short(tmp_path: Path) -> None:
    assert not any(is_cut_short(write(tmp_path / f"a{suffix}")) for suffix in (".png", ".jpg", ".webp", ".tif"))

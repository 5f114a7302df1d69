"""What is given in place of a film, a codec or a folder: a sentence says what it is, and the hint what to do."""

from __future__ import annotations

import shutil
from fractions import Fraction
from pathlib import Path

import pytest
from clips import BEEP, make_clip, make_images
from upsampling import upsample

from ifrplus_cli.commands.output_names import name_outputs
from ifrplus_cli.errors import InputError, OutputError
from ifrplus_cli.video.formats.images import find_images
from ifrplus_cli.video.reading.probe import probe
from ifrplus_cli.video.writing.encoders import EncodeOptions, encoder_facts

KEY = ("-encryption_key", "76a6c65c5ea762046bd749a2e632ccbb", "-encryption_kid", "a7e61c373e219033c21091fa607bf3b8")


def test_an_address_is_not_opened() -> None:
    with pytest.raises(InputError, match="is an address") as found:
        probe(Path("https://example.com/a.mp4"))
    assert "Download it first" in found.value.hint


@pytest.mark.parametrize("pattern", ["", "*.mkv"])
def test_a_folder_of_films_is_told_from_one_of_images(pattern: str, clip: Path, tmp_path: Path) -> None:
    shutil.copy(clip, tmp_path / "a.mkv")
    with pytest.raises(InputError, match="no images, but films: a"):
        find_images(tmp_path / pattern if pattern else tmp_path)


def test_a_pattern_of_films_that_matches_nothing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"No file matches .*\*.mov"):
        find_images(tmp_path / "*.mov")


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_one_image_is_called_so_whether_or_not_a_rate_is_given(suffix: str, tmp_path: Path) -> None:
    image = make_images(tmp_path / "in", frames=1, suffix=suffix) / f"1{suffix}"
    for rate in (None, Fraction(24)):
        with pytest.raises(InputError, match="is one image"):
            probe(image, rate)


def test_standard_input_is_not_opened_by_its_name(clip: Path) -> None:
    with clip.open("rb") as film, pytest.raises(InputError, match="is this program's own") as refused:
        probe(Path(f"/dev/fd/{film.fileno()}"))
    assert refused.value.hint == "Use - to read standard input."


def test_a_pattern_with_two_stars_is_no_pattern_for_images(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not a pattern for images"):
        find_images(tmp_path / "**.png")


def test_a_film_takes_no_rate(clip: Path) -> None:
    with pytest.raises(InputError, match="has its own frame rate"):
        probe(clip, Fraction(24))


def test_numbers_below_zero_come_first(tmp_path: Path) -> None:
    folder = make_images(tmp_path / "in", frames=2, first=0)
    (folder / "0.png").rename(folder / "0000.png")
    (folder / "1.png").rename(folder / "0001.png")
    shutil.copy(folder / "0000.png", folder / "-0001.png")
    assert [file.name for file in find_images(folder)] == ["-0001.png", "0000.png", "0001.png"]


@pytest.mark.parametrize(
    ("name", "meant"), [("h265", "libx265"), ("x264", "libx264"), ("VP9", "libvpx-vp9"), ("dnxhr", "dnxhd")]
)
def test_a_mistyped_encoder_is_answered_by_the_one_that_was_meant(name: str, meant: str) -> None:
    with pytest.raises(OutputError) as found:
        encoder_facts(name)
    assert found.value.hint == f"Did you mean {meant}?"


def test_a_picture_that_is_too_small_for_an_encoder(clip: Path, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="dnxhd takes no picture smaller than 256x120, and this one is 64x48"):
        upsample(clip, tmp_path / "film.mov", encode=EncodeOptions("dnxhd"))


@pytest.mark.parametrize("name", ["out.mp4", "out.avi", "%06d.png"])
def test_several_films_do_not_go_into_one(name: str, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="is not the name of a folder"):
        name_outputs([Path("a.mp4"), Path("b.mp4")], tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_an_encrypted_film_is_called_so(tmp_path: Path) -> None:
    options = ("-c:a", "aac", "-t", "0.24", "-encryption_scheme", "cenc-aes-ctr", *KEY)
    source = make_clip(tmp_path / "in.mp4", codec="libx264", inputs=BEEP, output=options)
    with pytest.raises(InputError, match="is encrypted"):
        probe(source)


def test_an_output_that_is_a_link_stays_one(clip: Path, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "film.mkv").symlink_to(tmp_path / "there" / "real.mkv")
    upsample(clip, tmp_path / "film.mkv")
    assert (tmp_path / "film.mkv").is_symlink()
    assert len(probe(tmp_path / "there" / "real.mkv").packet_pts) == 12

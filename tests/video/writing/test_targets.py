"""What a person means by an output, and what each kind of target holds and refuses."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from math import ceil
from pathlib import Path

import pytest
from clips import make_clip
from upsampling import upsample

from ifrplus_cli.errors import OutputError
from ifrplus_cli.values import StreamInfo, Timing
from ifrplus_cli.video.reading.probe import probe
from ifrplus_cli.video.writing.encoders import EncodeOptions
from ifrplus_cli.video.writing.target import Target
from ifrplus_cli.video.writing.targets import AnimationTarget, FilmTarget, ImagesTarget, target_of

TIMING = Timing(Fraction(1, 12800), Fraction(50), Fraction(1, 50))


@pytest.mark.parametrize(
    ("output", "suffix", "target"),
    [
        ("film.mp4", ".png", FilmTarget(Path("film.mp4"))),
        ("film.gif", None, AnimationTarget(Path("film.gif"))),
        ("film.WEBP", None, AnimationTarget(Path("film.WEBP"))),
        ("out/f%04d.png", None, ImagesTarget(Path("out"), "f%04d.png")),
        ("out/%d.webp", None, ImagesTarget(Path("out"), "%d.webp")),
        ("out", ".tif", ImagesTarget(Path("out"), "%06d.tif")),
        ("out", None, FilmTarget(Path("out"))),
        ("100%d.mkv", None, FilmTarget(Path("100%d.mkv"))),
    ],
)
def test_names_of_outputs_mean_what_people_mean(output: str, suffix: str | None, target: Target) -> None:
    assert target_of(Path(output), suffix) == target


@pytest.mark.parametrize("name", ["film.png", "film.jpg", "film.TIF"])
def test_a_name_of_one_image_is_refused(name: str) -> None:
    with pytest.raises(OutputError, match="would be one image"):
        target_of(Path(name), None)


@pytest.mark.parametrize(
    ("name", "suffix", "told"),
    [
        ("%06d.png", None, "The folder . can't be the output"),
        ("../%06d.png", None, "The folder .. can't be the output"),
        (".", ".png", "it would be replaced"),
        ("new/50%_%03d.png", None, "has a % that is no number"),
    ],
)
def test_a_folder_of_images_must_have_a_name_and_its_images_one_number(
    name: str, suffix: str | None, told: str
) -> None:
    with pytest.raises(OutputError) as refused:
        target_of(Path(name), suffix)
    assert told in refused.value.message


def test_a_name_without_a_known_extension_is_refused_when_its_container_is_asked_for() -> None:
    with pytest.raises(OutputError, match="does not have the extension of a video file"):
        _ = target_of(Path("out")).container


@pytest.mark.parametrize("name", ["film.mkv", "film.gif"])
def test_a_file_is_replaced_only_on_request_and_a_folder_never(name: str, tmp_path: Path) -> None:
    target = target_of(tmp_path / name)
    target.check_replaceable(overwrite=False)
    target.path.touch()
    target.check_replaceable(overwrite=True)
    with pytest.raises(OutputError, match="already exists"):
        target.check_replaceable(overwrite=False)
    target.path.unlink()
    target.path.mkdir()
    with pytest.raises(OutputError, match="is a folder"):
        target.check_replaceable(overwrite=True)


def test_a_folder_of_images_is_replaced_only_on_request_and_only_if_it_holds_nothing_else(tmp_path: Path) -> None:
    target = target_of(tmp_path / "out" / "%03d.png")
    target.check_replaceable(overwrite=False)
    target.path.mkdir()
    target.check_replaceable(overwrite=False)
    (target.path / "001.png").touch()
    target.check_replaceable(overwrite=True)
    with pytest.raises(OutputError, match="already exists, with 1 images"):
        target.check_replaceable(overwrite=False)
    (target.path / "mine.txt").touch()
    with pytest.raises(OutputError, match=r"contains mine\.txt"):
        target.check_replaceable(overwrite=True)


@pytest.mark.parametrize(("name", "told"), [("film.gif", "GIF"), ("%d.png", "Images")])
def test_images_and_animations_hold_the_picture_alone_from_its_first_frame_on(
    name: str, told: str, tmp_path: Path
) -> None:
    clip = probe(make_clip(tmp_path / "clip.mkv", codec="ffv1"))
    sound = StreamInfo(1, "audio", "flac", Fraction(0), Fraction(1))
    late = replace(clip, packet_pts=tuple(pts + 500 for pts in clip.packet_pts), streams=(sound,))
    target = target_of(tmp_path / name)
    content = target.content_of(late, TIMING, Fraction(2))
    assert content.origin == 2 * Fraction(500, 1000)
    assert content.clip.streams == ()
    assert content.timing.time_base == (target.container.unit or TIMING.time_base)
    assert content.notes == (f"{told} can store only the picture. These are left out: sound.",)


def test_a_film_holds_all_of_its_source(tmp_path: Path) -> None:
    clip = probe(make_clip(tmp_path / "clip.mkv", codec="ffv1"))
    content = target_of(tmp_path / "film.mp4").content_of(clip, TIMING, Fraction(1))
    assert (content.clip, content.timing, content.origin, content.notes) == (clip, TIMING, 0, ())


def test_images_into_a_link_to_a_folder_go_into_that_folder(clip: Path, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    for _ in range(2):
        upsample(clip, tmp_path / "link" / "%06d.png", encode=EncodeOptions(), overwrite=True)
        assert (tmp_path / "link").is_symlink()
        assert len(list((tmp_path / "real").iterdir())) == 12
    assert {path.name for path in tmp_path.iterdir()} - {clip.name} == {"link", "real"}


@pytest.mark.parametrize(("name", "rate"), [("out.gif", Fraction(50)), ("out.webp", Fraction(40)), ("out.apng", 40)])
def test_a_last_frame_that_is_too_short_for_an_animation_is_shown_as_long_as_it_can_be(
    name: str, rate: Fraction, tmp_path: Path
) -> None:
    source = make_clip(tmp_path / "in.mp4", codec="libx264", frames=5, rate="30")
    summary = upsample(source, tmp_path / name, encode=EncodeOptions(), fps=Fraction(rate))
    assert summary.frames_out == ceil(5 * rate / 30)

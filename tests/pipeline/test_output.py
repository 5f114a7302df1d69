"""What is in the way of a result is found before anything is done."""

from __future__ import annotations

import os
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from made_up import STEP, clip_of

from ifrplus_cli.errors import IfrplusError, InputError, OutputError
from ifrplus_cli.pipeline.output import check_output
from ifrplus_cli.values import ClipInfo
from ifrplus_cli.video.reading.sources import ImagesSource
from ifrplus_cli.video.writing.targets import target_of


@pytest.fixture
def source(tmp_path: Path) -> ClipInfo:
    path = tmp_path / "films" / "clip.mkv"
    path.parent.mkdir()
    path.touch()
    return clip_of(2).moved(path)


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("name", ["film.mp4", "film.gif", "frames/%03d.png"])
def test_a_free_place_is_taken(name: str, overwrite: bool, source: ClipInfo, tmp_path: Path) -> None:
    check_output(source, target_of(tmp_path / name), overwrite=overwrite)
    assert [path.name for path in tmp_path.iterdir()] == ["films"]


@pytest.mark.parametrize(
    ("name", "error", "told"),
    [
        ("films/clip.mkv", InputError, "same file"),
        ("nowhere/film.mkv", OutputError, "nowhere does not exist"),
        ("nowhere/frames/%d.png", OutputError, "nowhere does not exist"),
        ("there.mkv", OutputError, "already exists"),
        ("folder", OutputError, "is a folder"),
        ("there.mkv/%d.png", OutputError, "is a file"),
        ("folder/%d.png", OutputError, r"folder contains mine\.txt"),
        ("x" * 300 + ".mkv", OutputError, "File name too long"),
        (os.fsdecode(b"\xff.mkv"), OutputError, "not valid text"),
        ("loop.mkv", OutputError, "is a link to itself"),
    ],
)
def test_what_is_in_the_way_is_named(
    name: str, error: type[IfrplusError], told: str, source: ClipInfo, tmp_path: Path
) -> None:
    (tmp_path / "there.mkv").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "mine.txt").touch()
    (tmp_path / "loop.mkv").symlink_to("loop.mkv")
    with pytest.raises(error, match=told):
        check_output(source, target_of(tmp_path / name), overwrite=False)


@pytest.mark.parametrize("source", ["frames", "frames/%d.png", "frames/*.png"])
def test_images_are_not_written_over_their_own_source(source: str, tmp_path: Path) -> None:
    files = tuple(tmp_path / "frames" / f"{number}.png" for number in range(2))
    files[0].parent.mkdir()
    for file in files:
        file.touch()
    images = ImagesSource(files, "png", (Fraction(0), STEP))
    clip = replace(clip_of(2), path=tmp_path / source, source=images)
    with pytest.raises(InputError, match=r"same file|which would be replaced"):
        check_output(clip, target_of(tmp_path / "frames" / "%d.png"), overwrite=True)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no such pipes")
def test_a_pipe_is_not_replaced_by_a_film(source: ClipInfo, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "film.mkv")
    with pytest.raises(OutputError, match="is a device or a pipe"):
        check_output(source, target_of(tmp_path / "film.mkv"), overwrite=True)

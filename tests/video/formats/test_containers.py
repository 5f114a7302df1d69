"""What an output's name asks for, and rotation written into a finished file."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from clips import ffmpeg, make_clip, picture

from ifrplus_cli.errors import OutputError
from ifrplus_cli.video.formats.containers import CONTAINERS, container_for, write_display_matrix
from ifrplus_cli.video.reading.probe import probe

QUARTER_TURN = (0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30)
MIRRORED = (-65536, 0, 0, 0, 65536, 0, 0, 0, 1 << 30)


@pytest.mark.parametrize(
    ("name", "muxer"),
    [("a.mp4", "mp4"), ("A.MP4", "mp4"), ("a.m4v", "mp4"), ("a.mov", "mov"), ("b.mkv", "matroska"), ("a.WebM", "webm")],
)
def test_the_extension_chooses_the_container_in_any_case(name: str, muxer: str) -> None:
    assert container_for(Path(name)).muxer == muxer


@pytest.mark.parametrize("name", ["film", "film.txt", "film.mp4.part", ".mp4", "mkv"])
def test_other_names_are_refused_with_those_that_work(name: str) -> None:
    with pytest.raises(OutputError) as refused:
        container_for(Path(name))
    assert all(extension in refused.value.hint for extension in CONTAINERS)


@pytest.mark.parametrize("matrix", [QUARTER_TURN, MIRRORED])
@pytest.mark.parametrize("output", [(), ("-movflags", "+faststart")], ids=["moov last", "moov first"])
def test_a_display_matrix_is_read_back_as_written(
    matrix: tuple[int, ...], output: tuple[str, ...], tmp_path: Path
) -> None:
    film = make_clip(tmp_path / "film.mp4", codec="libx264", frames=2, output=output)
    write_display_matrix(film, matrix)
    assert probe(film).display_matrix == matrix


def test_the_picture_is_turned_even_if_sound_comes_first(tmp_path: Path) -> None:
    film = tmp_path / "film.mov"
    sources = ("-f", "lavfi", "-i", "sine=duration=0.1", "-f", "lavfi", "-i", "testsrc2=size=64x48:duration=0.1")
    ffmpeg(*sources, "-map", 0, "-map", 1, "-c:v", "libx264", "-c:a", "aac", film)
    write_display_matrix(film, QUARTER_TURN)
    assert picture(film)["side_data_list"][0]["rotation"] == -90


@pytest.mark.parametrize(
    "content",
    [b"", b"not a film at all", struct.pack(">I4s", 8, b"moov"), struct.pack(">I4sI4s", 16, b"moov", 2, b"trak")],
)
def test_a_file_without_a_picture_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "film.mp4").write_bytes(content)
    with pytest.raises(OutputError, match="no video track"):
        write_display_matrix(tmp_path / "film.mp4", QUARTER_TURN)

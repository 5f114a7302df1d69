"""What a film says of itself beside its samples comes along, or a note says that it does not."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from clips import ffmpeg, make_clip
from upsampling import upsample

from ifrplus_cli.description import Projection, Stereo
from ifrplus_cli.pipeline import segments
from ifrplus_cli.pixel_formats import PIXEL_FORMATS
from ifrplus_cli.video.formats.matroska_crop import read_crop
from ifrplus_cli.video.formats.raw_matroska import frame_header, stream_header
from ifrplus_cli.video.formats.stereo import stereo_mode
from ifrplus_cli.video.reading.probe import probe
from ifrplus_cli.video.writing.encoders import EncodeOptions

SPHERE = Projection("equirectangular", (10, -20, 30))
CAPTION = bytes.fromhex("b5 0031 47413934 03 41 ff fc9420 ff")  # one pair of CEA-608 (ATSC A/53, 6.2.3)


def element(number: int, payload: bytes) -> bytes:
    """Of EBML, with a size of eight bytes."""
    name = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return name + (len(payload) | 1 << 56).to_bytes(8, "big") + payload


def raw_film(projection: Projection) -> bytes:
    """Four grey frames as a Matroska file."""
    frames = (bytes([40 * n]) * (64 * 48) for n in range(1, 5))
    stored = (frame_header(Fraction(n, 25), 64 * 48) + frame for n, frame in enumerate(frames))
    header = stream_header(PIXEL_FORMATS["gray"], 64, 48, Fraction(25), projection=projection)
    return header + b"".join(stored)


@pytest.fixture(scope="module")
def sphere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An mkv of a picture that is wrapped around the viewer."""
    folder = tmp_path_factory.mktemp("sphere")
    (folder / "raw.mkv").write_bytes(raw_film(SPHERE))
    ffmpeg("-i", folder / "raw.mkv", "-c:v", "libx264", "-pix_fmt", "yuv420p", folder / "in.mkv")
    return folder / "in.mkv"


@pytest.mark.parametrize("name", ["film.mkv", "film.mp4", "film.mov", "film.webm"])
@pytest.mark.parametrize("long", [False, True])
def test_a_projection_is_kept(
    name: str, long: bool, sphere: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments, "FRAMES", 3 if long else 250)
    options = EncodeOptions() if name.endswith("webm") else EncodeOptions("libx264", preset="ultrafast")
    summary = upsample(sphere, tmp_path / name, encode=options)
    assert probe(tmp_path / name).description.projection == SPHERE
    assert summary.notes == ()


@pytest.mark.parametrize("name", ["film.mkv", "film.mp4", "film.mov", "film.webm"])
def test_two_eyes_pictures_in_one_are_marked_as_such(name: str, tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mp4", codec="libx264", output=("-x264-params", "frame-packing=3"))
    options = EncodeOptions() if name.endswith("webm") else EncodeOptions("libx264", preset="ultrafast")
    summary = upsample(source, tmp_path / name, encode=options)
    assert probe(tmp_path / name).description.stereo == Stereo("side by side")
    assert summary.notes == ()


def test_stereo_that_a_file_has_no_word_for_is_named(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mp4", codec="libx264", output=("-x264-params", "frame-packing=1"))
    notes = upsample(source, tmp_path / "film.mp4", encode=EncodeOptions("mpeg4")).notes
    assert any("two eyes' pictures are packed here (interleaved columns)" in note for note in notes)


def test_webm_has_fewer_words_for_stereo_than_matroska() -> None:
    assert stereo_mode(Stereo("checkerboard"), "matroska") == "checkerboard_lr"
    assert stereo_mode(Stereo("checkerboard"), "webm") is None
    assert stereo_mode(Stereo("side by side", inverted=True), "webm") == "right_left"
    assert stereo_mode(None, "webm") is None


@pytest.mark.parametrize("name", ["film.mkv", "film.mp4"])
def test_closed_captions_in_frames_are_named(name: str, tmp_path: Path) -> None:
    make_clip(tmp_path / "a.h264", codec="libx264", output=("-bf", 0))
    message = b"\0\0\1\6\4" + bytes([len(CAPTION)]) + CAPTION + b"\x80"
    stream = (tmp_path / "a.h264").read_bytes()
    for start in (b"\0\0\1\x65", b"\0\0\1\x41"):
        stream = stream.replace(start, message + start)
    (tmp_path / "b.h264").write_bytes(stream)
    ffmpeg("-r", 25, "-i", tmp_path / "b.h264", "-c", "copy", tmp_path / "in.mp4")
    summary = upsample(tmp_path / "in.mp4", tmp_path / name)
    assert len([note for note in summary.notes if "closed captions" in note]) == 1


def test_a_crop_that_is_asked_of_players_is_read_and_named(tmp_path: Path) -> None:
    video = element(0xB0, b"\x40") + element(0xBA, b"\x30") + element(0x54CC, b"\2") + element(0x54AA, b"\1\4")
    track = element(0x83, b"\1") + element(0xE0, video)
    sound = element(0x83, b"\2")
    tracks = element(0x1654AE6B, element(0xAE, sound) + element(0xAE, track))
    (tmp_path / "a.mkv").write_bytes(element(0x1A45DFA3, b"") + element(0x18538067, tracks))
    assert read_crop(tmp_path / "a.mkv", 0) == (2, 0, 0, 260)
    assert read_crop(tmp_path / "a.mkv", 1) is None
    (tmp_path / "a.mkv").write_bytes(b"\x1a\x45\xdf")
    assert read_crop(tmp_path / "a.mkv", 0) is None


def test_a_crop_in_a_film_is_named(tmp_path: Path) -> None:
    raw = raw_film(SPHERE)
    start = raw.index(b"\x76\x70")
    whole = 10 + int.from_bytes(raw[start + 3 : start + 10], "big")
    crop = element(0x54AA, b"\4")
    cropped = raw[:start] + crop + element(0xEC, bytes(whole - len(crop) - 9)) + raw[start + whole :]
    (tmp_path / "in.mkv").write_bytes(cropped)
    notes = upsample(tmp_path / "in.mkv", tmp_path / "film.mkv").notes
    assert any("asks players to crop 0, 0, 0 and 4 pixels" in note for note in notes)

"""A file that ends before its header says gets a note with both lengths; a whole one gets none."""

from __future__ import annotations

from pathlib import Path

import pytest
from clips import BEEP, make_clip

from ifrplus_cli.video.reading.cut_short import ends_within_packet
from ifrplus_cli.video.reading.probe import probe

CLUSTERS = ("-c:a", "aac", "-t", 4, "-g", 10, "-cluster_time_limit", 300)
OUTPUTS = {
    "film.mkv": ("libx264", CLUSTERS),
    "film.webm": ("libvpx", ("-c:a", "libopus", "-t", 4, "-cluster_time_limit", 300, "-b:v", "1M")),
    "film.mp4": ("libx264", ("-c:a", "aac", "-t", 4, "-movflags", "+faststart")),
}


@pytest.mark.parametrize("name", OUTPUTS)
def test_half_a_file_is_noted_with_both_lengths(name: str, tmp_path: Path) -> None:
    codec, output = OUTPUTS[name]
    film = make_clip(tmp_path / name, frames=100, noise=True, codec=codec, inputs=BEEP, output=output)
    assert probe(film).notes == ()
    content = film.read_bytes()
    film.write_bytes(content[: len(content) * 6 // 10])
    clip = probe(film)
    assert 0.5 < clip.duration < 3.5
    (note,) = clip.notes
    assert "its header states 4.0" in note
    assert f"but it has {float(clip.duration):.2f} s." in note


def test_a_picture_that_ends_before_its_sound_is_whole(tmp_path: Path) -> None:
    film = make_clip(tmp_path / "film.mkv", frames=25, codec="libx264", inputs=BEEP, output=("-c:a", "aac", "-t", 4))
    assert probe(film).notes == ()


def test_a_film_that_begins_late_is_whole(tmp_path: Path) -> None:
    """Matroska states the time of its end, not a length."""
    film = make_clip(tmp_path / "film.mkv", frames=25, codec="libx264", output=("-output_ts_offset", 3600))
    assert probe(film).notes == ()


TRANSPORT = {".ts": (), ".m2ts": ("-mpegts_m2ts_mode", 1)}


@pytest.mark.parametrize("suffix", TRANSPORT)
def test_a_transport_stream_that_ends_within_a_packet_is_noted(suffix: str, tmp_path: Path) -> None:
    output = ("-c:a", "aac", "-t", 1, *TRANSPORT[suffix])
    film = make_clip(tmp_path / f"film{suffix}", frames=25, codec="mpeg2video", inputs=BEEP, output=output)
    content = film.read_bytes()
    packet = 188 if suffix == ".ts" else 192
    assert len(content) % packet == 0
    assert probe(film).notes == ()
    film.write_bytes(content[: len(content) * 6 // 10 // packet * packet + 100])
    clip = probe(film)
    (note,) = clip.notes
    assert f"ends within a packet, after {float(clip.duration):.2f} s" in note
    film.write_bytes(content[100:])  # a recording may begin anywhere
    assert probe(film).notes == ()


@pytest.mark.parametrize(
    ("name", "codec", "sound", "part"),
    [("film.avi", "mpeg4", "libmp3lame", "chunk"), ("film.ogv", "libtheora", "libvorbis", "page")],
)
def test_half_a_file_without_a_stated_length_is_noted(
    name: str, codec: str, sound: str, part: str, tmp_path: Path
) -> None:
    film = make_clip(tmp_path / name, frames=50, codec=codec, inputs=BEEP, output=("-c:a", sound, "-t", 2))
    assert probe(film).notes == ()
    content = film.read_bytes()
    film.write_bytes(content[: len(content) * 6 // 10])
    (note,) = probe(film).notes
    assert f"ends within a {part}, after {float(probe(film).duration):.2f} s" in note


@pytest.mark.parametrize(
    ("content", "cut"),
    [
        (b"", False),
        (b"G" + bytes(187), False),  # too few to be sure
        ((b"G" + bytes(187)) * 30, False),
        ((b"G" + bytes(187)) * 30 + b"G", True),
        ((b"G" + bytes(203)) * 30, False),
        ((b"G" + bytes(203)) * 30 + b"G" + bytes(187), True),
        ((bytes(4) + b"G" + bytes(187)) * 30, False),
        ((bytes(4) + b"G" + bytes(187)) * 30 + bytes(2), True),
        ((b"G" + bytes(187)) * 30 + bytes(5000), False),  # something else follows
    ],
)
def test_packets_are_counted_from_the_end(content: bytes, cut: bool, tmp_path: Path) -> None:
    (tmp_path / "film.ts").write_bytes(content)
    assert ends_within_packet(tmp_path / "film.ts") == cut

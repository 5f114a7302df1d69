"""A file that ends before its header says gets a note with both lengths; a whole one gets none."""

from __future__ import annotations

from pathlib import Path

import pytest
from clips import BEEP, make_clip

from ifrplus_cli.video.probe import probe

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

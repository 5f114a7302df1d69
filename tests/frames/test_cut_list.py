"""Cuts are written as a list, read back after editing, and used."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from clips import ffmpeg, make_clip, probe_once, run_blend_here

from ifrplus_cli.errors import InputError, OutputError
from ifrplus_cli.frames.cut_list import Cut, read_cuts, write_cuts


@pytest.fixture(scope="module")
def shots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Frames 0 to 4 are of one scene, 5 to 9 of another."""
    folder = tmp_path_factory.mktemp("cuts")
    first = make_clip(folder / "a.mkv", frames=5, size="160x96")
    second = ("-f", "lavfi", "-i", "mandelbrot=size=160x96:rate=25")
    join = "[1]trim=end_frame=5,format=yuv420p[b];[0][b]concat=n=2"
    ffmpeg("-i", first, *second, "-filter_complex", join, "-c:v", "ffv1", folder / "shots.mkv")
    return folder / "shots.mkv"


def run(folder: Path, *options: object) -> dict[str, Any]:
    command = ("upsample", *options, "-y", "--codec", "ffv1", "--json")
    done = run_blend_here(*command, folder=folder)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_cuts_are_listed_edited_and_obeyed(shots: Path, tmp_path: Path) -> None:
    assert run(tmp_path, shots, "film.mkv", "--cuts-out", "cuts.json")["cuts"] == 1
    listed = json.loads((tmp_path / "cuts.json").read_text())["cuts"]
    assert [(cut["frame"], cut["time"]) for cut in listed] == [(5, 0.2)]
    assert 0.8 < listed[0]["score"] <= 1
    (tmp_path / "none.json").write_text('{"cuts": []}')
    assert run(tmp_path, shots, "film.mkv", "--cuts-in", "none.json")["cuts"] == 0
    (tmp_path / "more.json").write_text('{"cuts": [{"frame": 5}, {"time": 0.08}]}')
    options = ("--cuts-in", "more.json", "--cuts-out", "again.json")
    assert run(tmp_path, shots, "film.mkv", *options)["cuts"] == 2
    again = json.loads((tmp_path / "again.json").read_text())["cuts"]
    assert again == [{"time": 0.08, "frame": 2, "score": None}, {"time": 0.2, "frame": 5, "score": None}]


def test_a_section_counts_frames_as_its_film_does(shots: Path, tmp_path: Path) -> None:
    run(tmp_path, shots, "film.mkv", "--start", "3f", "--cuts-out", "cuts.json")
    assert json.loads((tmp_path / "cuts.json").read_text())["cuts"][0]["frame"] == 5
    assert run(tmp_path, shots, "film.mkv", "--start", "3f", "--cuts-in", "cuts.json")["cuts"] == 1


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "is not a list of cuts"),
        ("[]", "is not a list of cuts"),
        ("[" * 100_000, "is not a list of cuts"),
        ('{"cuts": [3]}', "is not a list of cuts"),
        ('{"cuts": [{"frame": "5"}]}', "is not a list of cuts"),
        ('{"cuts": [{}]}', "is not a list of cuts"),
        ('{"cuts": [{"time": "1/0"}]}', "is not a list of cuts"),
        ('{"cuts": [{"time": 1e999}]}', "is not a list of cuts"),
        ('{"cuts": [{"time": 1e9}]}', "where the film has no frame"),
        ('{"cuts": [{"time": -1}]}', "where the film has no frame"),
        ('{"cuts": [{"frame": 10}]}', "a cut at frame 10, and the film has 10"),
        ('{"cuts": [{"frame": 0}]}', "a cut at frame 0"),
        ('{"cuts": [{"time": 7.5}]}', "where the film has no frame"),
    ],
)
def test_an_invalid_list_is_refused(text: str, told: str, shots: Path, tmp_path: Path) -> None:
    (tmp_path / "cuts.json").write_text(text)
    with pytest.raises(InputError, match=told):
        read_cuts(tmp_path / "cuts.json", probe_once(shots))
    with pytest.raises(InputError, match="can't be read"):
        read_cuts(tmp_path / "missing.json", probe_once(shots))


def test_a_list_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="can't be written"):
        write_cuts(tmp_path / "nowhere" / "cuts.json", [Cut(1, Fraction(1, 25), 0.9)])
    write_cuts(tmp_path / "cuts.json", [])
    assert json.loads((tmp_path / "cuts.json").read_text()) == {"cuts": []}

"""Several films in one run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from clips import frame_times, make_clip, run_blend_here, run_here

from ifrplus_cli.commands.output_names import name_outputs
from ifrplus_cli.errors import OutputError


def test_names_come_from_the_sources(tmp_path: Path) -> None:
    sources = [Path("a/one.mkv"), Path("b/two.AVI")]
    assert [output.name for _, output in name_outputs(sources, tmp_path)] == ["one.mkv", "two.mp4"]
    named = name_outputs(sources, tmp_path / "new", "{number:02}-{stem}.mov")
    assert [output.name for _, output in named] == ["01-one.mov", "02-two.mov"]
    assert (tmp_path / "new").is_dir()


@pytest.mark.parametrize(
    "pattern", ["{other}", "{", "{0}", "", "../{stem}.mp4", "a/{stem}.mp4", "{stem.x}", "{number[0]}"]
)
def test_a_pattern_that_names_no_file_is_refused(pattern: str, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="is not a pattern for file names"):
        name_outputs([Path("a.mp4")], tmp_path, pattern)


def test_two_films_never_become_one(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="Two films would be written to"):
        name_outputs([Path("a/one.mp4"), Path("b/one.mp4")], tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="can't be created"):
        name_outputs([Path("a.mp4")], tmp_path / "file")


def test_one_failure_does_not_stop_the_rest(tmp_path: Path) -> None:
    make_clip(tmp_path / "a.mkv", frames=3)
    (tmp_path / "b.mkv").write_text("no film")
    make_clip(tmp_path / "c.mkv", frames=4)
    command = ("upsample", "a.mkv", "b.mkv", "c.mkv", "out", "--name", "{stem}-x.mp4", "--json")
    done = run_blend_here(*command, folder=tmp_path)
    assert done.returncode == 1
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["input"] for line in lines] == ["a.mkv", "b.mkv", "c.mkv"]
    assert [line.get("frames_out") for line in lines] == [6, None, 8]
    assert "b.mkv" in lines[1]["message"]
    assert "1 of 3 films failed" in done.stderr
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a-x.mp4", "c-x.mp4"]
    assert len(frame_times(tmp_path / "out" / "c-x.mp4")) == 8


@pytest.mark.parametrize("option", ["--cuts-in", "--cuts-out"])
def test_a_list_of_cuts_is_for_one_film(option: str, tmp_path: Path) -> None:
    done = run_here("upsample", "a.mkv", "b.mkv", "out", option, "cuts.json", folder=tmp_path)
    assert done.returncode == 2
    assert "a list of cuts is for one film" in done.stderr
    assert not list(tmp_path.iterdir())


def test_one_film_may_go_into_a_folder_too(clip: Path, tmp_path: Path) -> None:
    done = run_blend_here("upsample", clip, tmp_path, "--codec", "ffv1", "-q", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(frame_times(tmp_path / "clip.mkv")) == 12


def test_a_pattern_of_names_is_for_a_folder(clip: Path, tmp_path: Path) -> None:
    done = run_here("upsample", clip, "film.mp4", "--name", "{stem}-x.mp4", folder=tmp_path)
    assert done.returncode == 2
    assert "--name" in done.stderr
    assert not (tmp_path / "film.mp4").exists()

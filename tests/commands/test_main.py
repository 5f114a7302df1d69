"""The command line as a person or a script meets it; some of it with the real network."""

from __future__ import annotations

import json
import re
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from clips import (
    BEEP,
    BLEND_PROGRAM,
    ffmpeg,
    frame_hashes,
    frame_times,
    make_clip,
    picture,
    run_blend_here,
    run_here,
    run_program,
    streams,
)

from ifrplus_cli import __version__
from ifrplus_cli.files import sha256_of
from ifrplus_cli.network.device import this_machine
from ifrplus_cli.video.reading.decode import decode
from ifrplus_cli.video.reading.probe import probe
from ifrplus_cli.weights.manifest import find_weights


@pytest.fixture
def folder(clip: Path, tmp_path: Path) -> Path:
    """A folder with a clip in it."""
    (tmp_path / "clip.mkv").write_bytes(clip.read_bytes())
    return tmp_path


def json_of(stdout: str) -> dict[str, Any]:
    """The one object that stdout must consist of."""
    assert stdout.count("\n") == 1
    found = json.loads(stdout)
    assert isinstance(found, dict)
    return found


def test_help_names_every_command_and_option(tmp_path: Path) -> None:
    whole = run_program("--help", folder=tmp_path)
    assert whole.returncode == 0
    commands = ("upsample", "bench", "info", "check", "eval", "train", "doctor", "download-weights")
    assert all(command in whole.stdout for command in commands)
    told = run_here("upsample", "--help", folder=tmp_path, environment={"COLUMNS": "200"}).stdout
    assert "upsample [OPTIONS] IN... OUT" in told
    shown = set(re.findall(r"--[a-z-]+", told))
    wanted = {"--factor", "--fps", "--model", "--weights", "--device", "--tile", "--no-cuts", "--codec"}
    assert shown >= wanted | {"--overwrite", "--start", "--end", "--slow-motion", "--resume"}


def test_options_and_their_values_are_completed(tmp_path: Path) -> None:
    for words, wanted in (("ifrplus upsample --dupl", "--duplicates"), ("ifrplus upsample --for ar", "archive")):
        asked = {"_IFRPLUS_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - 1)}
        script = "import sys; from ifrplus_cli.commands import main; sys.argv[0] = 'ifrplus'; main.main()"
        done = run_program("-c", script, folder=tmp_path, program=(sys.executable,), environment=asked)
        assert done.stdout.split() == [wanted]


def test_the_version_is_data(tmp_path: Path) -> None:
    done = run_here("--version", folder=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"ifrplus {__version__}\n", "")


def test_a_run_talks_on_stderr_only(folder: Path) -> None:
    done = run_program("upsample", "clip.mkv", "film.mp4", folder=folder, program=BLEND_PROGRAM)
    assert (done.returncode, done.stdout) == (0, "")
    assert "6 frames became 12" in done.stderr
    assert "verified" in done.stderr


def test_quiet_says_only_what_a_person_should_know(folder: Path) -> None:
    make_clip(folder / "odd.mkv", size="33x21", frames=2)
    done = run_blend_here("upsample", "odd.mkv", "film.mp4", "-q", folder=folder)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (0, "", 1)
    assert done.stderr.startswith("note: The picture is stored as 34x22")


def test_an_output_that_is_there_is_replaced_only_on_request(folder: Path) -> None:
    (folder / "film.mp4").write_text("old")
    refused = run_blend_here("upsample", "clip.mkv", "film.mp4", folder=folder)
    assert (refused.returncode, (folder / "film.mp4").read_text()) == (1, "old")
    assert "-y" in refused.stderr
    assert run_blend_here("upsample", "clip.mkv", "film.mp4", "-y", folder=folder).returncode == 0
    assert len(frame_times(folder / "film.mp4")) == 12


def test_options_reach_the_run(folder: Path) -> None:
    options = ("--factor", "2.5", "--codec", "libx264", "--crf", "0", "--preset", "ultrafast", "--pix-fmt", "yuv444p")
    more = ("--encoder-arg", "tune=grain", "--tile", "off", "--no-cuts", "--cut-fill", "blend")
    done = run_blend_here("upsample", "clip.mkv", "film.mkv", *options, *more, folder=folder)
    assert done.returncode == 0
    assert len(frame_times(folder / "film.mkv")) == 15
    assert picture(folder / "film.mkv")["pix_fmt"] == "yuv444p"


def test_a_dry_run_says_what_would_be_done_and_does_nothing(folder: Path) -> None:
    options = ("--factor", "5/2", "--dry-run", "--json")
    done = run_here("upsample", "clip.mkv", "film.mp4", *options, folder=folder)
    assert (done.returncode, done.stderr) == (0, "")
    plan = json_of(done.stdout)
    assert all(plan["cost"][name] > 0 for name in ("seconds_per_frame", "seconds", "picture_mb", "memory_mb"))
    assert plan["source"]["frames"] == 6
    assert (plan["plan"]["frames"], plan["plan"]["codec"]) == (15, "libx264")
    assert plan["plan"]["pairs_at_once"] == (2 if this_machine().cores() > 1 else 1)
    assert [path.name for path in folder.iterdir()] == ["clip.mkv"]


def test_facts_are_told_where_the_cost_cant_be_tried(tmp_path: Path) -> None:
    """Six hundred frames a second in milliseconds: several have the same time."""
    make_clip(tmp_path / "in.mkv", frames=30, rate="600", inputs=BEEP, output=("-c:a", "ac3", "-t", "0.05"))
    for arguments in (("info", "in.mkv"), ("upsample", "in.mkv", "out.mp4", "--dry-run")):
        told = run_blend_here(*arguments, folder=tmp_path)
        assert told.returncode == 0, told.stderr
        assert "ac3" in told.stdout + told.stderr
        assert "The cost of the run can't be measured" in " ".join(told.stderr.split())
    found = json_of(run_blend_here("info", "in.mkv", "--json", folder=tmp_path).stdout)
    assert found["cost"] is None
    assert "can't be measured" in found["cost_unknown"]


def test_a_constant_rate_is_planned_and_reported(folder: Path) -> None:
    options = ("--fps", "59.94", "--json")
    planned = run_here("upsample", "clip.mkv", "film.mp4", *options, "--dry-run", folder=folder)
    assert json_of(planned.stdout)["plan"]["rate"] == "59.940 (60000/1001)"
    assert json_of(planned.stdout)["plan"]["frames"] == 15
    done = run_blend_here("upsample", "clip.mkv", "film.mp4", *options, folder=folder)
    report = json_of(done.stdout)
    assert (report["rate"], report["frames_out"]) == ("59.940 (60000/1001)", 15)
    assert frame_times(folder / "film.mp4") == [n * Fraction(1001, 60000) for n in range(15)]


def test_a_section_in_slow_motion_is_planned_and_reported(folder: Path) -> None:
    options = ("--start", "1f", "--end", "0:00.2", "--slow-motion", "--factor", "3", "--json")
    done = run_blend_here("upsample", "clip.mkv", "film.mp4", *options, folder=folder)
    report = json_of(done.stdout)
    assert (report["factor"], report["rate"], report["frames_in"], report["frames_out"]) == ("3", "25", 4, 12)
    assert frame_times(folder / "film.mp4") == [n * Fraction(1, 25) for n in range(12)]
    refused = run_here("upsample", "clip.mkv", "film.mp4", "--slow-motion", "--fps", "60", folder=folder)
    assert refused.returncode == 2
    assert "use --factor, not --fps" in " ".join(refused.stderr.replace("│", " ").split())


# The real network from here on: each start takes seconds.


def test_the_real_program_makes_motion_and_reports_it(bikes: Path, tmp_path: Path) -> None:
    cut = ("-frames:v", 3, "-vf", "crop=320:192", "-c:v", "libx264", "-qp", 0, "-c:a", "aac", "-t", "0.12")
    ffmpeg("-i", bikes, *BEEP, "-map", "0:v", "-map", 1, *cut, tmp_path / "bikes.mp4")
    options = ("--crf", "0", "--preset", "ultrafast", "--json", "--device", "cpu")
    done = run_program("upsample", "bikes.mp4", "film.mp4", *options, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    report = json_of(done.stdout)
    weights = find_weights("lite")
    assert weights is not None
    assert report["weights_sha256"] == sha256_of(weights)
    assert (report["model"], report["device"], report["factor"]) == ("lite", "CPU", "2")
    assert (report["frames_in"], report["frames_out"], report["frames_made"]) == (3, 6, 2)
    assert report["versions"]["ifrplus"] == __version__
    assert set(report["stage_seconds"]) == {"decode", "colour", "flow", "network", "encode"}
    assert report["peak_memory_mb"] > 100
    assert frame_hashes(tmp_path / "film.mp4", "yuv420p")[::2] == frame_hashes(tmp_path / "bikes.mp4", "yuv420p")
    assert [stream["codec_name"] for stream in streams(tmp_path / "film.mp4")] == ["h264", "aac"]
    with decode(probe(tmp_path / "film.mp4")) as decoder:
        left, made, right = [frame.planes[0].astype(float) for frame in decoder][:3]
    assert np.abs(made - (left + right) / 2).mean() > 0.5, "the network does more than blend"
    assert np.abs(made - left).mean() < np.abs(right - left).mean() + 1


def test_info_tells_source_plan_and_cost(folder: Path) -> None:
    done = run_here("info", "clip.mkv", "--json", folder=folder)
    assert done.returncode == 0, done.stderr
    found = json_of(done.stdout)
    assert (found["source"]["frames"], found["source"]["rate"], found["source"]["codec"]) == (6, "25", "ffv1")
    assert found["plan"]["frames"] == 12
    assert found["cost"]["seconds_per_frame"] > 0
    assert [path.name for path in folder.iterdir()] == ["clip.mkv"]


@pytest.mark.parametrize("name", ["doctor", "devices"])
def test_the_doctor_proves_that_this_machine_works(name: str, tmp_path: Path) -> None:
    done = run_here(name, "--json", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    found = json_of(done.stdout)
    weights = find_weights("lite")
    assert weights is not None
    assert found["devices"]["CPU"] == "ready"
    assert found["weights"]["lite"].endswith(f"lite.safetensors, sha256 {sha256_of(weights)}")
    assert "libx264" in found["ffmpeg"]["encoders"]
    assert (found["a made frame"]["result"], found["faults"]) == ("works", [])
    assert found["a made frame"]["made by"].startswith("lite, ")


def test_a_failure_is_an_object_too(tmp_path: Path) -> None:
    done = run_here("upsample", "nowhere.mp4", "film.mp4", "--json", folder=tmp_path)
    told = {"kind": "input", "message": "nowhere.mp4 does not exist.", "hint": "Check the spelling of the path."}
    assert (json.loads(done.stdout), done.returncode) == ({**told, "exit_code": 1}, 1)


@pytest.mark.parametrize(("words", "missing"), [(("in.mp4",), "OUT is missing"), ((), "IN and OUT are missing")])
def test_a_path_that_is_missing_is_named(words: tuple[str, ...], missing: str, tmp_path: Path) -> None:
    done = run_here("upsample", *words, folder=tmp_path)
    assert (done.returncode, missing in done.stderr) == (2, True)

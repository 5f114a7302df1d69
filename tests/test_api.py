"""The public functions for Python programs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import pytest
from clips import PACKAGE_FOLDER, blend_model, frame_times, make_clip

import ifrplus_cli
import ifrplus_cli.pipeline.run
from ifrplus_cli import load_model, probe, upsample
from ifrplus_cli.errors import InputError, OutputError
from ifrplus_cli.pipeline.run import Progress, run_job

README = Path(__file__).parents[1] / "README.md"


def test_the_public_functions_are_not_the_modules_of_the_same_names() -> None:
    assert callable(ifrplus_cli.pipeline.run)
    assert callable(probe)
    assert callable(load_model)
    assert run_job.__module__ == "ifrplus_cli.pipeline.run"
    script = "import ifrplus_cli.probe, ifrplus_cli.upsample; from ifrplus_cli import probe, upsample; upsample(*'ab')"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert "InputError: a does not exist" in done.stderr


def test_a_film_is_made_and_its_progress_reported(clip: Path, tmp_path: Path) -> None:
    told: list[Progress] = []
    summary = upsample(
        str(clip), tmp_path / "film.mp4", fps="59.94", start=0.04, model=blend_model(), progress=told.append
    )
    assert frame_times(tmp_path / "film.mp4") == [n / Fraction("59.94") for n in range(12)]
    assert [run.done for run in told] == list(range(1, summary.frames_out + 1))
    assert (told[-1].expected, summary.frames_in) == (12, 5)


def test_failures_are_those_of_the_command_line(clip: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        probe(tmp_path / "missing.mp4")
    (tmp_path / "film.mp4").touch()
    with pytest.raises(OutputError, match="is there already"):
        upsample(clip, tmp_path / "film.mp4", model=blend_model())
    with pytest.raises(TypeError, match="speed"):
        upsample(clip, tmp_path / "other.mp4", speed=2)


def test_the_example_in_the_readme_runs(tmp_path: Path) -> None:
    found = re.search(r"```python\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    assert found
    make_clip(tmp_path / "in.mp4", codec="libx264", frames=4, size="96x64")
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE_FOLDER)}
    command = [sys.executable, "-c", found[1]]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("4 frames at 25.00 a second\n")
    assert "4 frames became 8 in" in done.stdout
    assert len(frame_times(tmp_path / "out.mp4")) == 8

"""What the doctor finds, and what it says where something is missing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from clips import run_blend_here, run_here

from ifrplus_cli.errors import DeviceError
from ifrplus_cli.measure import doctor
from ifrplus_cli.system import home_folder


@pytest.fixture(autouse=True)
def no_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trying them takes seconds."""
    monkeypatch.setattr(doctor, "device_states", lambda: {"CPU": "ready"})
    monkeypatch.setattr(doctor, "engine_states", lambda: {"mindspore": "2.7"})


def test_the_report_is_a_block_to_paste(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://me:secret@proxy")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("IFRPLUS_WEIGHTS", str(tmp_path / "my weights"))
    done = run_here("doctor", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    sections = [line for line in done.stdout.splitlines() if not line.startswith(" ")]
    assert sections == [
        *("program", "libraries", "ffmpeg", "machine", "devices", "weights", "disk", "environment", "a made frame")
    ]
    words = " ".join(done.stdout.split())
    assert "result works" in words
    assert "IFRPLUS_WEIGHTS ~/my weights" in words
    assert "secret" not in words
    assert "free (~" in words
    assert "this machine is ready" in done.stderr


def test_a_network_that_only_blends_is_found_out(tmp_path: Path) -> None:
    done = run_blend_here("doctor", folder=tmp_path)
    assert done.returncode == 1
    assert "The frame that lite made is no better than a blend." in " ".join(done.stderr.split())


def test_missing_programs_are_named(tmp_path: Path) -> None:
    done = run_blend_here("doctor", folder=tmp_path, environment={"IFRPLUS_FFMPEG": "/nonexistent/ffmpeg"})
    assert done.returncode == 1
    assert "The program /nonexistent/ffmpeg was not found." in " ".join(done.stderr.split())
    assert "apt-get install -y ffmpeg" in done.stdout


def test_a_missing_engine_is_a_fact(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise DeviceError("MindSpore can't be loaded: no such library.")

    monkeypatch.setattr(doctor, "device_states", fail)
    done = run_here("doctor", folder=tmp_path)
    assert done.returncode == 0, "ONNX Runtime makes frames without it"
    assert "MindSpore can't be loaded" in done.stdout


def test_variables_are_shown_without_a_persons_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """People paste what it prints into reports of errors."""
    home = home_folder()
    shown = {"IFRPLUS_WEIGHTS": f"/usr/share{os.pathsep}{home / 'weights'}", "OMP_NUM_THREADS": "2", "CUDA_HOME": ""}
    for name, value in shown.items():
        monkeypatch.setenv(name, value)
    found = doctor._environment()
    assert found["IFRPLUS_WEIGHTS"] == f"/usr/share{os.pathsep}{Path('~') / 'weights'}"
    assert (found["OMP_NUM_THREADS"], found["CUDA_HOME"]) == ("2", "")

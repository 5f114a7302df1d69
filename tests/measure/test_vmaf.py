"""VMAF: both films reach ffmpeg frame by frame, and if it can't be measured that is reported."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from clips import blend_model, make_clip, run_blend_here

from ifrplus_cli.measure.check import check_clip
from ifrplus_cli.measure.vmaf import VmafMeter, why_no_vmaf
from ifrplus_cli.video.reading.probe import probe

# Takes the place of an ffmpeg with libvmaf: reads what that would be sent, and tells 100 for equal frames, else 50.
STAND_IN = """#!{python}
import json, os, sys
words = sys.argv[1:]
if "filter=libvmaf" in words:
    print("Filter libvmaf")
elif any("log_path" in word for word in words):
    if {fails}:
        sys.stdin.buffer.read(100)
        sys.exit("[error] could not load libvmaf model")
    size = {frame_bytes}
    data = sys.stdin.buffer.read()
    pairs = [(data[n : n + size], data[n + size : n + 2 * size]) for n in range(0, len(data), 2 * size)]
    scores = [{{"metrics": {{"vmaf": 100.0 if true == made else 50.0}}}} for true, made in pairs]
    open("vmaf.json", "w").write(json.dumps({{"frames": scores}}))
else:
    os.execvp("ffmpeg", ["ffmpeg", *words])
"""


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return put_stand_in(tmp_path, monkeypatch, fails=False)


def put_stand_in(folder: Path, monkeypatch: pytest.MonkeyPatch, *, fails: bool) -> Path:
    script = folder / "ffmpeg.py"
    script.write_text(STAND_IN.format(python=sys.executable, fails=fails, frame_bytes=64 * 48 * 3 // 2))
    script.chmod(0o755)
    monkeypatch.setenv("IFRPLUS_FFMPEG", str(script))
    return script


def test_made_frames_get_the_figures_of_their_places(stand_in: Path, tmp_path: Path) -> None:
    """Kept frames are sent too, and are equal in both films."""
    result = check_clip(probe(make_clip(tmp_path / "clip.mkv", frames=9)), blend_model())
    assert result.no_vmaf is None
    assert [moment.vmaf for moment in result.moments] == [50.0] * 4
    assert [sight.moment.vmaf for sight in result.worst] == [50.0] * 4


def test_a_failure_of_libvmaf_is_reported_and_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_stand_in(tmp_path, monkeypatch, fails=True)
    result = check_clip(probe(make_clip(tmp_path / "clip.mkv", frames=9)), blend_model())
    assert result.no_vmaf == "ffmpeg's libvmaf failed: could not load libvmaf model"
    assert {moment.vmaf for moment in result.moments} == {None}


def test_the_command_reports_an_ffmpeg_without_libvmaf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "ffmpeg.sh"
    script.write_text('#!/bin/sh\ncase "$*" in *libvmaf*) echo "Unknown filter";; *) exec ffmpeg "$@";; esac\n')
    script.chmod(0o755)
    path, report = make_clip(tmp_path / "clip.mkv"), tmp_path / "report.html"
    monkeypatch.setenv("IFRPLUS_FFMPEG", str(script))
    done = run_blend_here("check", path, "--report", report, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "VMAF was not measured: the installed ffmpeg has no filter libvmaf." in done.stderr
    assert "not measured: the installed ffmpeg has no filter libvmaf" in report.read_text("utf-8")
    told = run_blend_here("check", path, "--json", folder=tmp_path)
    assert json.loads(told.stdout)["vmaf"] is None


@pytest.mark.skipif(why_no_vmaf() is not None, reason="this ffmpeg has no libvmaf")
@pytest.mark.parametrize(("size", "pix_fmt"), [("64x48", "yuv420p"), ("65x49", "yuv422p10le"), ("64x48", "gbrp")])
def test_libvmaf_rates_a_better_film_higher(tmp_path: Path, size: str, pix_fmt: str) -> None:
    clip = probe(make_clip(tmp_path / "clip.mkv", size=size, pix_fmt=pix_fmt))
    random = np.random.default_rng(0)
    planes = [
        random.integers(0, 200, shape, clip.pixel_format.dtype)
        for shape in clip.pixel_format.plane_shapes(clip.width, clip.height)
    ]
    with VmafMeter(clip) as meter:
        meter.write(planes, planes)
        meter.write(planes, [plane // 2 for plane in planes])
        scores, failed = meter.scores()
    assert failed is None
    assert scores[0] > scores[1] + 20

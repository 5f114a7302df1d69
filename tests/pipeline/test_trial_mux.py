"""What the check of the finished film would refuse is refused before the first frame is made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from blends import blend
from clips import BEEP, children, ffmpeg, frame_times, make_clip
from upsampling import upsample

from ifrplus_cli.errors import OutputError
from ifrplus_cli.pipeline import segments
from ifrplus_cli.video.writing import encode_command
from ifrplus_cli.video.writing.encoders import EncodeOptions


@pytest.fixture
def film(tmp_path: Path) -> Path:
    return make_clip(tmp_path / "in.mp4", frames=25, codec="libx264", inputs=BEEP, output=("-c:a", "aac", "-t", 1))


def counted(calls: list[int]) -> Callable[..., object]:
    def network(*arrays: np.ndarray) -> object:
        calls.append(1)
        return blend(*arrays)

    return network


def move_sound(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let all sound be stored half a second late."""
    usual = encode_command._input_of

    def late(plan: Any, carried: Any) -> Any:
        return usual(plan, replace(carried, delay=carried.delay + Fraction(1, 2)))

    monkeypatch.setattr(encode_command, "_input_of", late)


@pytest.mark.parametrize("long", [False, True])
def test_sound_out_of_place_is_refused_before_any_frame(
    long: bool, film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if long:
        monkeypatch.setattr(segments, "FRAMES", 20)
    move_sound(monkeypatch)
    made: list[int] = []
    with pytest.raises(OutputError, match="would not be what was promised: its sound starts") as refused:
        upsample(film, tmp_path / "out.mkv", network=counted(made), encode=EncodeOptions())
    assert made == []
    assert "no frame has been made" in refused.value.hint
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]
    assert children() == []


def test_a_trial_leaves_nothing_and_changes_nothing(film: Path, tmp_path: Path) -> None:
    summary = upsample(film, tmp_path / "out.mkv", encode=EncodeOptions())
    assert summary.frames_out == 50
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mp4", "out.mkv"]


@pytest.mark.parametrize("name", ["out.mp4", "out.mkv"])
def test_streams_that_begin_later_than_the_trial_ends_are_no_fault(name: str, tmp_path: Path) -> None:
    (tmp_path / "words.srt").write_text("1\n00:00:01,500 --> 00:00:01,800\nLate\n")
    inputs = ("-itsoffset", 1.4, *BEEP, "-i", tmp_path / "words.srt")
    output = ("-c:a", "aac", "-c:s", "mov_text", "-t", 2)
    film = make_clip(tmp_path / "in.mp4", frames=20, rate="10", codec="libx264", inputs=inputs, output=output)
    assert upsample(film, tmp_path / name, encode=EncodeOptions()).frames_out == 40


@pytest.mark.parametrize("picture", ["fps=1/2", "setpts='if(eq(N,0),0,PTS+5/TB)'"], ids=["slow", "begins with a still"])
def test_frames_far_apart_are_no_obstacle(picture: str, tmp_path: Path) -> None:
    source = tmp_path / "in.mp4"
    streams = ("-f", "lavfi", "-i", "testsrc2=size=64x48:rate=2:duration=40", *BEEP)
    ffmpeg(*streams, "-t", 40, "-vf", picture, "-fps_mode", "vfr", "-c:v", "libx264", "-c:a", "aac", source)
    summary = upsample(source, tmp_path / "out.mp4", encode=EncodeOptions(), network=blend)
    assert summary.frames_out == 2 * summary.frames_in > 24
    times = frame_times(tmp_path / "out.mp4")
    assert times[1] - times[0] >= 1

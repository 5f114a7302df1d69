"""Sound whose codec has a delay, in Matroska: it is heard when it was in the source, however often it is copied."""

from __future__ import annotations

import subprocess
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from clips import FFMPEG, ffmpeg, make_clip, picture, streams
from sounds import CLICKS, RATE, sound
from upsampling import upsample

from ifrplus_cli.video.reading.probe import probe
from ifrplus_cli.video.writing.encoders import EncodeOptions

VP9 = EncodeOptions("libvpx-vp9", encoder_args=(("deadline", "realtime"), ("cpu-used", "8")))
TWO_SOUNDS = ("-c:a:0", "flac", "-c:a:1", "libopus", "-t", 2)


def opus_film(path: Path, *, codec: str = "libx264") -> Path:
    return make_clip(path, frames=50, codec=codec, inputs=CLICKS, output=("-c:a", "libopus", "-t", 2))


def heard_after_picture(path: Path, number: int = 0) -> list[float]:
    """When the clicks of a sound are heard, in milliseconds from the first frame, by the file's own clock."""
    command = [FFMPEG, "-v", "error", "-nostdin", "-copyts", "-i", str(path), "-map", f"0:a:{number}", "-ac", "1"]
    command += ["-af", f"aresample={RATE}:async=1:first_pts=0", "-f", "f32le", "-"]
    heard = np.frombuffer(subprocess.run(command, capture_output=True, check=True).stdout, np.float32)
    loud = np.flatnonzero(np.abs(heard) > 0.2)
    begins = [place for before, place in zip([-RATE, *loud], loud, strict=False) if place - before > RATE // 10]
    return [1000 * (float(place) / RATE - float(picture(path)["start_time"])) for place in begins]


@pytest.mark.parametrize(
    ("before", "after"), [("in.webm", "out.webm"), ("in.mkv", "out.mkv"), ("in.mp4", "out.mkv"), ("in.webm", "out.mp4")]
)
def test_copied_opus_stays_in_its_place(before: str, after: str, tmp_path: Path) -> None:
    codec = "libvpx-vp9" if before.endswith("webm") else "libx264"
    source = opus_film(tmp_path / before, codec=codec)
    summary = upsample(source, tmp_path / after, encode=VP9 if after.endswith("webm") else EncodeOptions())
    assert summary.frames_out == 100
    assert heard_after_picture(tmp_path / after) == pytest.approx(heard_after_picture(source), abs=1)


def test_many_copies_do_not_add_up(tmp_path: Path) -> None:
    path = first = opus_film(tmp_path / "0.mkv")
    for number in range(1, 4):
        path, before = tmp_path / f"{number}.mkv", path
        upsample(before, path, Fraction(5, 4))
    assert heard_after_picture(path) == pytest.approx(heard_after_picture(first), abs=1)


def test_opus_as_the_second_sound_alone_is_moved(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mkv", frames=50, codec="libx264", inputs=(*CLICKS, *CLICKS), output=TWO_SOUNDS)
    upsample(source, tmp_path / "out.mkv")
    assert [s["codec_name"] for s in streams(tmp_path / "out.mkv", "audio")] == ["flac", "opus"]
    for number in range(2):
        after, before = heard_after_picture(tmp_path / "out.mkv", number), heard_after_picture(source, number)
        assert after == pytest.approx(before, abs=1)


@pytest.mark.parametrize("rate", [8000, 16000])
def test_sound_of_few_samples_a_second_becomes_opus_in_its_place(rate: int, tmp_path: Path) -> None:
    output = ("-c:a", "pcm_s16le", "-ar", rate, "-t", 2)
    source = make_clip(tmp_path / "in.mkv", frames=50, codec="libx264", inputs=CLICKS, output=output)
    upsample(source, tmp_path / "out.webm", encode=VP9)
    assert heard_after_picture(tmp_path / "out.webm") == pytest.approx(heard_after_picture(source), abs=1.5)


def test_sound_that_becomes_opus_is_heard_whole_and_in_its_place(tmp_path: Path) -> None:
    """Not the length of a packet in units of the picture's clock: half of each one was thrown away."""
    source = make_clip(tmp_path / "in.mp4", frames=50, codec="libx264", inputs=CLICKS, output=("-c:a", "aac", "-t", 2))
    upsample(source, tmp_path / "out.webm", encode=VP9)
    assert streams(tmp_path / "out.webm", "audio")[0]["codec_name"] == "opus"
    heard, wanted = sound(tmp_path / "out.webm"), sound(source)
    assert len(heard) == pytest.approx(len(wanted), abs=0.03 * RATE)
    assert np.square(heard).sum() == pytest.approx(np.square(wanted).sum(), rel=0.1)
    assert heard_after_picture(tmp_path / "out.webm") == pytest.approx(heard_after_picture(source), abs=1.5)


@pytest.mark.parametrize("name", ["out.mkv", "out.mp4"])
def test_a_picture_that_comes_before_its_sound_in_a_transport_stream(name: str, tmp_path: Path) -> None:
    late, output = ("-itsoffset", 0.5, *CLICKS), ("-c:a", "mp2", "-t", 2)
    source = make_clip(tmp_path / "in.ts", frames=20, rate="10", codec="libx264", inputs=late, output=output)
    upsample(source, tmp_path / name)
    assert heard_after_picture(tmp_path / name) == pytest.approx(heard_after_picture(source), abs=1)


@pytest.mark.parametrize("name", ["out.mkv", "out.mp4"])
def test_what_is_left_out_does_not_say_when_the_film_begins(name: str, tmp_path: Path) -> None:
    """A data stream that comes 0.7 seconds before the picture."""
    output = ("-c:a", "mp2", "-t", 2)
    make_clip(tmp_path / "clip.ts", frames=20, rate="10", codec="libx264", inputs=CLICKS, output=output)
    (tmp_path / "data.bin").write_bytes(bytes(64))
    data = ("-f", "data", "-i", tmp_path / "data.bin")
    maps = ("-map", 0, "-map", 1, "-c", "copy", "-copyts", "-muxdelay", 0)
    ffmpeg("-itsoffset", 0.7, "-i", tmp_path / "clip.ts", *data, *maps, tmp_path / "in.ts")
    source = tmp_path / "in.ts"
    assert "data" in [stream.kind for stream in probe(source).streams]
    upsample(source, tmp_path / name)
    assert heard_after_picture(tmp_path / name) == pytest.approx(heard_after_picture(source), abs=1)
    if not streams(tmp_path / name, "data"):  # mp4 keeps it
        assert float(picture(tmp_path / name)["start_time"]) < 0.2

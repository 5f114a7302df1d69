"""How much of a sound can be heard, from the times of its packets."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from clips import BEEP, ffmpeg, make_clip, probe_once, streams
from upsampling import upsample

from ifrplus_cli.errors import OutputError
from ifrplus_cli.pipeline.job import UpsampleOptions, plan_job
from ifrplus_cli.pipeline.sound_check import heard_seconds
from ifrplus_cli.pipeline.verify import Promise, verify
from ifrplus_cli.values import Timing
from ifrplus_cli.video.writing.encode_plan import plan_encode
from ifrplus_cli.video.writing.encoders import EncodeOptions
from ifrplus_cli.video.writing.targets import target_of

BLOCK = Fraction(1, 50)


def packets(starts: Sequence[Fraction]) -> list[tuple[Fraction, Fraction]]:
    return [(start, start + BLOCK) for start in starts]


@pytest.mark.parametrize(
    ("starts", "heard", "again"),
    [
        ([], 0, 0),
        ([n * BLOCK for n in range(100)], 2, 0),
        ([n * BLOCK + (n >= 50) * 5 for n in range(100)], 2.1, 0),  # a hole of 5 s
        ([min(n, 50) * BLOCK + max(0, n - 50) * Fraction(1, 1000) for n in range(100)], 1.07, 0),  # squeezed
        ([n % 50 * BLOCK for n in range(100)], 2, 0.98),  # twice at the same time
    ],
)
def test_what_is_heard(starts: list[Fraction], heard: float, again: float) -> None:
    assert heard_seconds(packets(starts)) == pytest.approx((heard, again), abs=0.03)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of picture and sound."""
    path = tmp_path_factory.mktemp("sound_check") / "film.mkv"
    return make_clip(path, frames=50, codec="libx264", inputs=BEEP, output=("-c:a", "mp2", "-t", 2))


@pytest.fixture(scope="module")
def promise(film: Path) -> Promise:
    """What holds for the film as it is."""
    clip = probe_once(film)
    plan = plan_encode(
        clip, target_of(film), EncodeOptions("libx264"), Timing(clip.time_base, clip.rate, clip.last_duration)
    )
    return Promise(plan, 50, clip.start, clip.start + Fraction(49, 25), Fraction(2))


def test_a_film_is_read_once(film: Path, promise: Promise, monkeypatch: pytest.MonkeyPatch) -> None:
    commands = []

    class Counted(subprocess.Popen[bytes]):
        def __init__(self, command: list[str], **options: Any) -> None:
            commands.append(command)
            super().__init__(command, **options)

    monkeypatch.setattr(subprocess, "Popen", Counted)
    assert verify(film, promise)
    assert [(Path(command[0]).name, command[-1]) for command in commands] == [("ffprobe", f"file:{film}")]


def test_squeezed_sound_does_not_pass(film: Path, promise: Promise, tmp_path: Path) -> None:
    assert verify(film, promise)
    squeezed = "setts=ts=if(lt(N\\,40)\\,TS\\,960+(N-40))"
    ffmpeg("-i", film, "-map", 0, "-c", "copy", "-bsf:a", squeezed, tmp_path / "squeezed.mkv")
    with pytest.raises(OutputError, match="of its sound can be heard instead of"):
        verify(tmp_path / "squeezed.mkv", promise)


def test_slow_motion_that_loses_its_sound_does_not_pass(film: Path, tmp_path: Path) -> None:
    """Matroska states no length of a stream: its packets tell."""
    slow, cut = tmp_path / "slow.mkv", tmp_path / "cut.mkv"
    upsample(film, slow, slow_motion=True)
    plan = plan_job(probe_once(film), slow, UpsampleOptions(slow_motion=True, overwrite=True)).encode
    promise = Promise(plan, 100, Fraction(0), Fraction(99, 25), Fraction(4))
    assert verify(slow, promise)
    ffmpeg("-i", slow, "-t", 1.5, "-i", slow, "-map", "0:v", "-map", "1:a", "-c", "copy", cut)
    with pytest.raises(OutputError, match=r"its sound lasts 1\.\d+ s instead of [34]\.\d+ s"):
        verify(cut, promise)


@pytest.mark.parametrize("rate", [8000, 11025])
def test_sound_of_few_samples_a_second_fills_longer_blocks(rate: int, tmp_path: Path) -> None:
    low = ("-f", "lavfi", "-i", f"sine=sample_rate={rate}")
    source = make_clip(tmp_path / "in.avi", codec="mpeg4", inputs=low, output=("-c:a", "pcm_mulaw", "-t", 0.24))
    upsample(source, tmp_path / "film.mp4")
    found = streams(tmp_path / "film.mp4", "audio")[0]
    assert (found["codec_name"], found["sample_rate"]) == ("aac", str(rate))
    assert float(found["duration"]) == pytest.approx(0.24, abs=0.01)


@pytest.mark.parametrize("name", ["out.mkv", "out.webm"])
def test_what_decoders_leave_out_is_not_missed_in_slow_motion(name: str, tmp_path: Path) -> None:
    """mp4 says how much of the first and last packets is no sound; Matroska's packets have it all, eight times."""
    source = make_clip(
        tmp_path / "in.mp4", codec="libx264", frames=10, inputs=BEEP, output=("-c:a", "aac", "-t", "0.4")
    )
    summary = upsample(source, tmp_path / name, 8, encode=EncodeOptions(), slow_motion=True)
    assert summary.frames_out == 80


@pytest.mark.parametrize(("name", "options"), [("out.mp4", {}), ("out.mkv", {"start": Fraction(1, 2)})])
def test_long_packets_without_stated_lengths_are_heard(name: str, options: dict[str, Any], tmp_path: Path) -> None:
    """Those of WavPack last half a second, and Matroska states no lengths for them."""
    source = make_clip(
        tmp_path / "in.mkv", frames=50, codec="libx264", inputs=BEEP, output=("-c:a", "wavpack", "-t", 2)
    )
    upsample(source, tmp_path / name, **options)
    assert probe_once(tmp_path / name).streams[0].kind == "audio"


@pytest.mark.parametrize("name", ["out.mp4", "out.mkv"])
def test_sound_that_begins_behind_a_section_is_no_fault_in_slow_motion(name: str, tmp_path: Path) -> None:
    late = ("-itsoffset", "1.2", *BEEP)
    source = make_clip(tmp_path / "in.mp4", frames=50, codec="libx264", inputs=late, output=("-c:a", "aac", "-t", 2))
    upsample(source, tmp_path / name, slow_motion=True, end=Fraction(1))
    assert len(probe_once(tmp_path / name).packet_pts) == 50


@pytest.mark.parametrize(("source", "begins"), [("late.mkv", 0), ("late.flv", 0), ("soon.mkv", 5)])
def test_a_film_does_not_begin_with_long_nothing(source: str, begins: int, tmp_path: Path) -> None:
    """The clock of a recorded live stream began long before."""
    codec = "flv1" if source.endswith("flv") else "libx264"
    offset = 5 if begins else 3600
    output = ("-c:a", "aac", "-t", 1, "-output_ts_offset", offset, *(("-ar", 44100) if codec == "flv1" else ()))
    late = make_clip(tmp_path / source, frames=25, codec=codec, inputs=BEEP, output=output)
    assert probe_once(late).start >= 5
    upsample(late, tmp_path / "out.mp4")
    made = probe_once(tmp_path / "out.mp4")
    assert float(made.start) == pytest.approx(begins, abs=0.1)
    assert made.streams[0].start is not None
    before, after = (clip.start - (clip.streams[0].start or 0) for clip in (probe_once(late), made))
    assert float(after - before) == pytest.approx(0, abs=0.03)

"""A long run that is cut short, and the one that goes on with it: the same frames at the same times."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import pytest
from clips import (
    BEEP,
    BLEND_PROGRAM,
    PACKAGE_FOLDER,
    blend_model,
    frame_hashes,
    frame_times,
    left_running_in,
    look_at,
    make_clip,
    run_blend_here,
)
from upsampling import elsewhere

from ifrplus_cli.errors import OutputError
from ifrplus_cli.files import LEAST_FREE
from ifrplus_cli.pipeline import segments
from ifrplus_cli.pipeline.job import UpsampleOptions, plan_job
from ifrplus_cli.pipeline.journal import folder_of
from ifrplus_cli.pipeline.run import run_job
from ifrplus_cli.video.reading.probe import probe

SEGMENT_FRAMES = 20
IRREGULAR = [number * 40 + number % 7 * 3 for number in range(26)]
LAST = ("-bsf:v", "setts=pts=PTS:dts=DTS:duration=40")
# Name, options, and frames in each of three segments: each segment is a few processes.
CASES = {
    "four times": ("film.mp4", ("--factor", "4"), 50),
    "FFV1": ('-it\'s "so": 100%d [red]\ntwo lines, Übergröße 影片?.mkv', ("--codec", "ffv1", "--factor", "5/2"), 30),
    "VP9": ("film.webm", ("--encoder-arg", "cpu-used=8"), 20),
    "H.265": ("film.mov", ("--codec", "libx265", "--preset", "ultrafast"), 20),
}


def make_film(path: Path, size: str = "64x48") -> Path:
    sound = ("-c:a", "aac", "-t", "1.04", *LAST)
    return make_clip(path, ticks=IRREGULAR, size=size, codec="libx264", inputs=BEEP, output=sound)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty-six frames at a variable rate, with sound."""
    return make_film(tmp_path_factory.mktemp("film") / "clip.mp4")


def upsample(
    source: Path, output: Path, *arguments: object, frames: int = SEGMENT_FRAMES
) -> subprocess.CompletedProcess[str]:
    """A run with so many frames in each segment."""
    command = ("upsample", source, output, "-q", *arguments)
    return run_blend_here(*command, folder=output.parent, environment={"SEGMENT_FRAMES": str(frames)})


def start(
    source: Path,
    output: Path,
    *arguments: object,
    frames: int = SEGMENT_FRAMES,
    places: Sequence[Path] = (),
) -> subprocess.Popen[str]:
    """A slow run that has finished a segment, and is writing the next one.

    Args:
        frames: how many are in each segment.
        places: what is given in place of source and output, where these are the first of several films.
    """
    slow = {"SLOW_MARK": str(output.parent.with_suffix(".mark")), "SECONDS_A_FRAME": "0.05"}
    environment = {**os.environ, **slow, "SEGMENT_FRAMES": str(frames), "PYTHONPATH": str(PACKAGE_FOLDER)}
    command = [*BLEND_PROGRAM, "upsample", *map(str, places or (source, output)), "-q", *map(str, arguments)]
    process = subprocess.Popen(
        command, env=environment, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, cwd=output.parent
    )
    while "000000.segment" not in (names := parts_of(output)) or not any(
        name.endswith("segment.part") for name in names
    ):
        assert process.poll() is None, process.stderr and process.stderr.read()
        time.sleep(0.01)
    return process


def parts_of(output: Path) -> list[str]:
    """What is in the job folder; of a segment that is being written the name ends in ``segment.part``."""
    folder = folder_of(output)
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


@pytest.mark.parametrize(("name", "arguments", "frames"), CASES.values(), ids=CASES)
def test_what_was_killed_ends_as_if_nothing_had_been(
    name: str, arguments: tuple[str, ...], frames: int, film: Path, tmp_path: Path
) -> None:
    whole, resumed = tmp_path / f"whole-{name}", tmp_path / name
    assert upsample(film, whole, *arguments, frames=frames).returncode == 0
    process = start(film, resumed, *arguments, frames=frames)
    process.kill()
    process.communicate()
    assert not resumed.exists()
    done = upsample(film, resumed, "--resume", *arguments, frames=frames)
    assert done.returncode == 0, done.stderr
    assert "frames already exist" in done.stderr
    assert frame_times(resumed) == frame_times(whole)
    assert frame_hashes(resumed, "yuv420p") == frame_hashes(whole, "yuv420p")
    assert {path.name for path in tmp_path.iterdir()} == {whole.name, resumed.name}


def test_the_first_signal_finishes_the_segment_and_the_second_does_not(film: Path, tmp_path: Path) -> None:
    output = tmp_path / "film.mkv"
    process = start(film, output)
    process.send_signal(signal.SIGTERM)
    _, told = process.communicate(timeout=30)
    assert process.returncode == 130
    assert (
        told.splitlines()[-1] == "interrupted: 40 frames are kept: the same command with --resume continues from there."
    )
    process = start(film, output, "--resume")
    for _ in range(2):
        process.send_signal(signal.SIGINT)
        time.sleep(0.1)
    _, told = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "--resume continues from there" in told
    assert {path.name for path in tmp_path.iterdir()} == {"film.mkv.ifrplus"}
    assert not list(folder_of(output).glob("*.part"))
    assert not left_running_in(tmp_path)


def test_a_signal_ends_a_run_of_several_films(film: Path, tmp_path: Path) -> None:
    second, folder = tmp_path / "second.mkv", tmp_path / "films"
    folder.mkdir()
    make_clip(second, frames=3)
    process = start(film, folder / film.name, places=(film, second, folder))
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "40 frames are kept" in told
    assert "failed" not in told
    assert {path.name for path in folder.iterdir()} == {f"{film.name}.ifrplus"}


def test_another_run_is_not_gone_on_with(film: Path, tmp_path: Path) -> None:
    output = tmp_path / "film.mkv"
    process = start(film, output)
    process.send_signal(signal.SIGSTOP)  # so that it is not done before the other one looks
    busy = upsample(film, output, "-y")
    process.kill()
    process.communicate()
    assert (busy.returncode, busy.stderr.splitlines()[0]) == (1, "error: Another run is writing film.mkv.")
    neither = upsample(film, output)
    assert "holds the frames of an unfinished run" in neither.stderr
    other = upsample(film, output, "--resume", "--factor", "3", "--crf", "30")
    assert other.returncode == 1
    assert "factor was 2 and is 3; encoder options was crf=16 preset=medium and is crf=30" in other.stderr
    source = tmp_path / "clip.mp4"
    source.write_bytes(film.read_bytes() + b"\0")
    assert "size of the source was" in upsample(source, output, "--resume").stderr
    segment = folder_of(output) / "000000.segment"
    segment.write_bytes(segment.read_bytes()[:-9])
    mended = upsample(film, output, "--resume")
    assert "segments of the earlier run are damaged" in mended.stderr
    assert len(frame_times(output)) == 52


@pytest.mark.parametrize("name", ["film.mp4", "film.mkv"])
def test_a_film_that_begins_late_is_joined_at_its_times(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = make_clip(tmp_path / "late.mkv", filters="setpts=PTS+1/TB", inputs=BEEP, output=("-c:a", "flac", "-t", "2"))
    times, hashes = [], []
    for frames in (250, 4):
        monkeypatch.setattr(segments, "FRAMES", frames)
        job = plan_job(probe(late), tmp_path / f"{frames}-{name}", UpsampleOptions())
        run_job(job, blend_model())
        times.append((frame_times(job.output), Fraction(look_at(job.output)["format"]["duration"])))
        hashes.append(frame_hashes(job.output, "yuv420p"))
    assert times[0] == times[1]
    assert len(hashes[0]) == len(hashes[1]) == 12


def test_a_short_run_needs_no_folder(clip: Path, tmp_path: Path) -> None:
    done = upsample(clip, tmp_path / "film.mkv", "--resume")
    assert (done.returncode, done.stderr) == (
        0,
        "note: There is nothing to resume: the run starts from the beginning.\n",
    )


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda source: source.write_bytes(source.read_bytes() + b"\0"), "clip.mp4 was changed while it was read"),
        (lambda source: source.unlink(), "clip.mp4 can no longer be read: No such file or directory"),
        (lambda source: os.truncate(source, 1000), "clip.mp4"),  # the decoder may notice first
    ],
    ids=["changes", "vanishes", "is cut short"],
)
def test_a_source_that_is_another_one_while_it_is_read_is_refused(
    change: Callable[[Path], object], told: str, film: Path, tmp_path: Path
) -> None:
    source, output = tmp_path / "clip.mp4", tmp_path / "film.mkv"
    source.write_bytes(film.read_bytes())
    process = start(source, output)
    change(source)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert told in said
    assert not output.exists()


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same film in a size of which a pipe holds three frames, so that its decoder waits far from its end."""
    return make_film(tmp_path_factory.mktemp("large") / "clip.mp4", size="128x96")


SIXFOLD = ("--factor", "6")
SIXFOLD_SEGMENT = 40


@pytest.fixture(scope="module")
def sixfold(large: Path) -> Path:
    """The large film at six times its rate, from a run that nothing interrupted."""
    output = large.with_name("sixfold.mkv")
    assert upsample(large, output, *SIXFOLD, frames=SIXFOLD_SEGMENT).returncode == 0
    return output


@pytest.mark.parametrize("dying", [("rawvideo", "pipe:1"), ("pipe:0",)], ids=["decoder", "encoder"])
def test_a_run_whose_ffmpeg_is_killed_is_gone_on_with(
    dying: tuple[str, ...], large: Path, sixfold: Path, tmp_path: Path
) -> None:
    output = tmp_path / "film.mkv"
    process = start(large, output, *SIXFOLD, frames=SIXFOLD_SEGMENT)
    os.kill(child_of(process.pid, dying), signal.SIGKILL)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "SIGKILL" in told.splitlines()[0]
    assert "frames are kept: the same command with --resume continues from there." in told.splitlines()[1]
    assert not left_running_in(tmp_path)
    assert upsample(large, output, "--resume", *SIXFOLD, frames=SIXFOLD_SEGMENT).returncode == 0
    assert frame_times(output) == frame_times(sixfold)
    assert frame_hashes(output, "yuv420p") == frame_hashes(sixfold, "yuv420p")


def child_of(parent: int, words: tuple[str, ...]) -> int:
    """The process that another one has started with these words in its command line."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            line = path.read_bytes().decode(errors="replace").split("\0")
            started_by = int(path.with_name("stat").read_text().rpartition(")")[2].split()[1])
            if started_by == parent and set(words) <= set(line):
                return int(path.parent.name)
    raise AssertionError(f"no process with {words}")


def test_a_disk_that_fills_up_costs_the_segment_in_progress_alone(
    film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments, "FRAMES", SEGMENT_FRAMES)
    job = plan_job(probe(film), tmp_path / "film.mkv", UpsampleOptions())
    run_job(elsewhere(job, tmp_path / "whole.mkv"), blend_model())
    looked = iter(range(1000))
    monkeypatch.setattr(
        shutil, "disk_usage", lambda _: SimpleNamespace(free=LEAST_FREE - (next(looked) > SEGMENT_FRAMES + 5))
    )
    with pytest.raises(OutputError, match="The disk is full") as raised:
        run_job(job, blend_model())
    assert raised.value.hint.endswith("20 frames are kept: the same command with --resume continues from there.")
    assert parts_of(job.output) == ["000000.segment", "record.json"]
    assert not job.output.exists()
    monkeypatch.undo()
    monkeypatch.setattr(segments, "FRAMES", SEGMENT_FRAMES)
    run_job(replace(job, options=replace(job.options, resume=True)), blend_model())
    assert frame_times(job.output) == frame_times(tmp_path / "whole.mkv")
    assert frame_hashes(job.output, "yuv420p") == frame_hashes(tmp_path / "whole.mkv", "yuv420p")

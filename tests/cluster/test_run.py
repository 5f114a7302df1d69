"""Films that are made on real workers are those that one machine makes, whatever happens to the workers."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import pytest
from clips import FFMPEG, make_clip
from distributed import SpecCluster
from farm import farm, kill, make_here, make_on, record_of, started

from ifrplus_cli.errors import ClusterError
from ifrplus_cli.pipeline import segments
from ifrplus_cli.pipeline.journal import Journal, folder_of
from ifrplus_cli.pipeline.run import RunProgress, Summary
from ifrplus_cli.stopping import StoppedError

FRAMES = 24
UNEVEN = [number * 40 + number % 5 * 3 for number in range(FRAMES)]
FFV1 = {"codec": "ffv1"}


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight frames in a segment."""
    monkeypatch.setattr(segments, "FRAMES", 8)


@pytest.fixture(scope="module")
def workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SpecCluster]:
    """Two workers, who leave nothing behind."""
    scratch = tmp_path_factory.mktemp("scratch")
    with farm(scratch) as cluster:
        yield cluster
        assert not list(scratch.rglob("ifrplus-*/*"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("films")


@pytest.fixture(scope="module")
def film(folder: Path) -> Path:
    return make_clip(folder / "film.mp4", frames=FRAMES, codec="libx264")


def packets(path: Path) -> str:
    """Times and checksums of all packets, as ffmpeg's framemd5 lists them."""
    command = [FFMPEG, "-v", "error", "-i", str(path), "-map", "0", "-c", "copy", "-f", "framemd5", "-"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def facts(summary: Summary) -> tuple[object, ...]:
    kinds = summary.pairs, summary.cuts, summary.notes
    return summary.frames_in, summary.frames_out, summary.frames_made, *kinds


def assert_alike(cluster: SpecCluster, source: Path, name: str, **options: object) -> list[str]:
    """Make a film here and on the workers, compare both, and return what was said of the latter."""
    notes: list[str] = []
    here, there = source.with_name(f"here-{name}"), source.with_name(f"there-{name}")
    one = make_here(source, here, **options)
    other = make_on(cluster.scheduler_address, source, there, note=notes.append, **options)
    assert facts(one) == facts(other)
    assert packets(here) == packets(there)
    assert len(packets(here).splitlines()) > 3 * 8
    assert not folder_of(there).exists()
    return notes


def test_a_variable_rate_in_ffv1(workers: SpecCluster, folder: Path) -> None:
    source = make_clip(folder / "uneven.mkv", ticks=UNEVEN)
    assert assert_alike(workers, source, "ffv1.mkv", factor=2.5, **FFV1) == []


def test_a_section_in_slow_motion_in_h264_with_smoothed_repeats(workers: SpecCluster, folder: Path) -> None:
    source = make_clip(folder / "twos.mkv", frames=2 * FRAMES, rate="12", size="96x64", output=("-r", 25))
    notes = assert_alike(workers, source, "slow.mov", duplicates="smooth", slow_motion=True, start=0.3, preset="fast")
    assert notes == []


def test_a_constant_rate_in_h265_from_a_film_without_an_index(workers: SpecCluster, folder: Path) -> None:
    source = make_clip(folder / "stream.ts", frames=FRAMES, codec="libx264")
    notes = assert_alike(workers, source, "rate.mp4", fps=60, codec="libx265", preset="ultrafast")
    assert notes == [
        "Each worker decodes the film from its start: this kind of file can't be read from the middle.",
    ]


def test_a_damaged_film_is_decoded_from_its_start(workers: SpecCluster, folder: Path) -> None:
    path = make_clip(folder / "damaged.mkv", frames=FRAMES, codec="libx264", output=("-g", 4))
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 400] = bytes(400)
    path.write_bytes(content)
    notes = assert_alike(workers, path, "whole.mkv", **FFV1)
    assert "is damaged" in notes[0]
    assert "on the film is decoded from its start." in notes[0]


def test_workers_that_are_killed_change_nothing(workers: SpecCluster, film: Path) -> None:
    killed: list[int] = []

    def strike(run: RunProgress) -> None:
        if run.sections[0] in (1, 3):
            victim = workers.workers[len(killed) % 2].pid
            kill(victim)
            killed.append(victim)

    here, there = film.with_name("here.mkv"), film.with_name("killed.mkv")
    make_here(film, here, **FFV1)
    make_on(workers.scheduler_address, film, there, progress=strike, **FFV1)
    assert len(set(killed)) == 2
    assert packets(here) == packets(there)


def test_a_report_has_the_same_data(workers: SpecCluster, film: Path) -> None:
    here = record_of(film, film.with_name("here.mkv"), factor=Fraction(5, 2), **FFV1)
    there = record_of(film, film.with_name("there.mkv"), workers.scheduler_address, factor=Fraction(5, 2), **FFV1)
    assert (there.pairs, there.details, there.doubts) == (here.pairs, here.details, here.doubts)
    assert [seen.seconds for seen in there.shown] == [seen.seconds for seen in here.shown]


def stop_after(frames: int) -> object:
    def stop(run: RunProgress) -> None:
        if run.done >= frames:
            raise StoppedError("The run was asked to stop.")

    return stop


def test_a_run_goes_on_in_either_mode(workers: SpecCluster, film: Path) -> None:
    here, there = film.with_name("here.mkv"), film.with_name("resumed.mkv")
    expected = make_here(film, here, **FFV1)
    with pytest.raises(StoppedError):
        make_here(film, there, progress=stop_after(10), **FFV1)
    assert Journal.read(folder_of(there)).frames == 8
    with pytest.raises(StoppedError, match="frames are kept"):
        make_on(workers.scheduler_address, film, there, progress=stop_after(24), resume=True, **FFV1)
    assert Journal.read(folder_of(there)).frames == 24
    kept = there.with_name("kept")
    folder_of(there).rename(kept)
    for finish, place in ((make_here, ()), (make_on, (workers.scheduler_address,))):
        subprocess.run(["cp", "-r", kept, folder_of(there)], check=True)
        assert facts(finish(*place, film, there, resume=True, **FFV1)) == facts(expected)  # type: ignore[operator]
        assert packets(here) == packets(there)


def test_without_its_scheduler_a_run_stops_and_keeps_its_frames(film: Path, tmp_path: Path) -> None:
    output = tmp_path / "film.mkv"
    with started(tmp_path) as (address, scheduler), pytest.raises(ClusterError) as caught:
        make_on(address, film, output, progress=lambda _: scheduler.kill(), **FFV1)
    assert caught.value.message == f"The scheduler {address} is gone."
    assert "frames are kept: the same command with --resume continues from there." in caught.value.hint
    assert Journal.read(folder_of(output)).frames >= 8


def test_pieces_of_the_source_are_sent_to_workers_that_can_not_reach_it(workers: SpecCluster, folder: Path) -> None:
    source = make_clip(folder / "long.mp4", frames=70, rate="8", codec="libx264", output=("-g", 10))
    here, there = folder / "here-sent.mkv", folder / "there-sent.mkv"
    one = make_here(source, here, **FFV1)
    other = make_on(workers.scheduler_address, source, there, ship=True, **FFV1)
    assert facts(one) == facts(other)
    assert packets(here) == packets(there)


def test_a_short_film_is_made_here(film: Path, tmp_path: Path) -> None:
    notes: list[str] = []
    make_on("local", film, tmp_path / "film.mkv", end=0.2, note=notes.append, **FFV1)
    assert notes == ["The film is made in this process: it is short, or can't be joined from segments."]

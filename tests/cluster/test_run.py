"""Films that are made on real workers are those that one machine makes, whatever happens to the workers."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import pytest
from clips import FFMPEG, make_clip
from distributed import SpecCluster
from farm import farm, kill, make_here, make_on, started

from ifrplus_cli.errors import ClusterError
from ifrplus_cli.pipeline import segments
from ifrplus_cli.pipeline.films import FinishedFilm
from ifrplus_cli.pipeline.journal import Journal, folder_of
from ifrplus_cli.pipeline.run import RunProgress
from ifrplus_cli.stopping import StoppedError

FRAMES, SEGMENT = 24, 20
UNEVEN = [number * 40 + number % 5 * 3 for number in range(FRAMES)]
FFV1 = {"codec": "ffv1"}


@pytest.fixture(scope="module", autouse=True)
def short() -> Iterator[None]:
    """Few frames in a segment."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(segments, "FRAMES", SEGMENT)
        yield


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


@pytest.fixture(scope="module")
def made(film: Path) -> FinishedFilm:
    """The film as this process makes it, in one go."""
    return make_here(film, film.with_name("made.mkv"), **FFV1)


def packets(path: Path) -> str:
    """Times and checksums of all packets, as ffmpeg's framemd5 lists them."""
    command = [FFMPEG, "-v", "error", "-copyts", "-i", str(path), "-map", "0", "-c", "copy", "-f", "framemd5", "-"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def assert_same(one: FinishedFilm, other: FinishedFilm) -> None:
    """Both films have the same packets, counts, notes and cuts."""
    for name in ("frames_in", "frames_out", "frames_made", "pairs", "cuts", "notes"):
        assert getattr(one.summary, name) == getattr(other.summary, name), name
    assert packets(one.job.output) == packets(other.job.output)
    assert one.summary.sharpness is not None and other.summary.sharpness is not None
    assert not folder_of(other.job.output).exists()


def assert_alike(cluster: SpecCluster, source: Path, name: str, *, ship: bool = False, **options: object) -> list[str]:
    """Make a film here and on the workers, compare both, and return what was said of the latter."""
    notes: list[str] = []
    here = make_here(source, source.with_name(f"here-{name}"), **options)
    output = source.with_name(f"there-{name}")
    there = make_on(cluster.scheduler_address, source, output, note=notes.append, ship=ship, **options)
    assert_same(here, there)
    if here.record is not None and there.record is not None:
        for data in ("pairs", "details", "doubts"):
            assert getattr(there.record, data) == getattr(here.record, data)
        assert [seen.seconds for seen in there.record.shown] == [seen.seconds for seen in here.record.shown]
    assert here.summary.frames_out > 2 * SEGMENT
    return notes


@pytest.mark.parametrize("fault", [OSError(28, "No space left on device"), RuntimeError("It broke.")])
def test_a_fault_of_this_machine_is_not_taken_for_a_lost_scheduler(
    fault: Exception, workers: SpecCluster, film: Path, tmp_path: Path
) -> None:
    def fail(_: RunProgress) -> None:
        raise fault

    with pytest.raises(type(fault)) as caught:
        make_on(workers.scheduler_address, film, tmp_path / "film.mkv", progress=fail, **FFV1)
    assert caught.value is fault


def test_a_variable_rate_in_ffv1_and_its_report(workers: SpecCluster, folder: Path) -> None:
    source = make_clip(folder / "uneven.mkv", ticks=UNEVEN)
    assert assert_alike(workers, source, "ffv1.mkv", factor=Fraction(5, 2), reports=True, **FFV1) == []


def test_pieces_are_sent_of_a_section_in_slow_motion_with_smoothed_repeats(workers: SpecCluster, folder: Path) -> None:
    long = {"frames": 32, "rate": "2", "output": ("-r", 4, "-g", 6)}
    source = make_clip(folder / "twos.mp4", codec="libx264", **long)  # type: ignore[arg-type]
    slow = {"slow_motion": True, "start": Fraction(1, 2), "duplicates": "smooth", "preset": "fast"}
    assert assert_alike(workers, source, "slow.mov", ship=True, **slow) == []


def test_a_constant_rate_in_h265_from_a_film_without_an_index(workers: SpecCluster, folder: Path) -> None:
    source = make_clip(folder / "stream.ts", frames=FRAMES, codec="libx264")
    notes = assert_alike(workers, source, "rate.mp4", fps=Fraction(60), codec="libx265", preset="ultrafast")
    assert notes == [
        "Each worker decodes the film from its start: this kind of file can't be read from the middle.",
    ]


def test_a_damaged_film_is_decoded_from_its_start(workers: SpecCluster, folder: Path) -> None:
    # Not H.264: what ffmpeg's threads make of a damaged one differs from time to time.
    path = make_clip(folder / "damaged.mkv", frames=FRAMES, codec="mpeg2video", output=("-g", 4))
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 400] = bytes(400)
    path.write_bytes(content)
    notes = assert_alike(workers, path, "whole.mkv", **FFV1)
    assert "is damaged" in notes[0]
    assert "on the film is decoded from its start." in notes[0]


def test_a_worker_that_is_killed_changes_nothing(workers: SpecCluster, film: Path, made: FinishedFilm) -> None:
    killed: list[int] = []

    def strike(run: RunProgress) -> None:
        if run.sections[0] == 1:
            killed.append(workers.workers[0].pid)
            kill(killed[0])

    there = make_on(workers.scheduler_address, film, film.with_name("killed.mkv"), progress=strike, **FFV1)
    assert killed
    assert_same(made, there)


def stop_after(frames: int) -> Callable[[RunProgress], None]:
    def stop(run: RunProgress) -> None:
        if run.done >= frames:
            raise StoppedError("The run was asked to stop.")

    return stop


def test_a_run_that_was_begun_here_goes_on_there(workers: SpecCluster, film: Path, made: FinishedFilm) -> None:
    output = film.with_name("resumed.mkv")
    with pytest.raises(StoppedError):
        make_here(film, output, progress=stop_after(SEGMENT + 1), **FFV1)
    assert Journal.read(folder_of(output)).frames == SEGMENT
    assert_same(made, make_on(workers.scheduler_address, film, output, resume=True, **FFV1))


def test_without_its_scheduler_a_run_stops_and_goes_on_here(film: Path, made: FinishedFilm, tmp_path: Path) -> None:
    output = tmp_path / "film.mkv"
    with started(tmp_path) as (address, scheduler), pytest.raises(ClusterError) as caught:
        make_on(address, film, output, progress=lambda _: scheduler.kill(), **FFV1)
    assert caught.value.message == f"The scheduler {address} is gone."
    assert "frames are kept: the same command with --resume continues from there." in caught.value.hint
    assert Journal.read(folder_of(output)).frames >= SEGMENT
    assert_same(made, make_here(film, output, resume=True, **FFV1))


def test_a_short_film_is_made_here(film: Path, tmp_path: Path) -> None:
    notes: list[str] = []
    make_on("local", film, tmp_path / "film.mkv", end=Fraction(1, 5), note=notes.append, **FFV1)
    assert notes == ["The film is made in this process: it is short, or can't be joined from segments."]

"""``-`` as IN and OUT, in real pipes and on terminals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from clips import (
    BEEP,
    BLEND_PROGRAM,
    PACKAGE_FOLDER,
    frame_hashes,
    frame_times,
    look_at,
    make_clip,
    run_blend_here,
    run_here,
    streams,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a film with sound, and an empty folder for temporary files."""
    make_clip(tmp_path / "clip.mkv", codec="libx264", inputs=BEEP, output=("-c:a", "aac", "-t", "0.24"))
    (tmp_path / "tmp").mkdir()
    return tmp_path


def environment(folder: Path, **more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(PACKAGE_FOLDER), "TMPDIR": str(folder / "tmp"), **more}


def piped(
    folder: Path, *arguments: str, source: bytes | None = None, **more: Any
) -> subprocess.CompletedProcess[bytes]:
    """Run the program with what comes from its standard input, and catch what goes to its standard output."""
    fed = {"stdin": subprocess.DEVNULL} if source is None else {"input": source}
    done = subprocess.run(
        [*BLEND_PROGRAM, *arguments],
        cwd=folder,
        env=environment(folder),
        capture_output="stdout" not in more,
        timeout=50,
        check=False,
        **{**fed, **more},
    )
    assert not list((folder / "tmp").iterdir()), "temporary files are left"
    return done


@pytest.mark.parametrize(("container", "name"), [("matroska", "matroska,webm"), ("nut", "nut")])
def test_a_film_goes_through_two_pipes(container: str, name: str, folder: Path) -> None:
    film = (folder / "clip.mkv").read_bytes()
    done = piped(folder, "upsample", "-", "-", "--container", container, source=film)
    assert done.returncode == 0, done.stderr
    assert b"standard output: 6 frames became 12" in done.stderr
    (folder / "film").write_bytes(done.stdout)
    assert look_at(folder / "film")["format"]["format_name"] == name
    assert len(streams(folder / "film", "audio")) == 1
    times = frame_times(folder / "film")
    assert len(times) == 12 and times[-1] - times[0] == pytest.approx(0.22, abs=0.002)
    named = run_blend_here("upsample", "clip.mkv", "film.mkv", folder=folder)
    assert named.returncode == 0
    assert frame_hashes(folder / "film", "yuv420p") == frame_hashes(folder / "film.mkv", "yuv420p")


def test_matroska_is_written_unless_another_container_is_asked_for(folder: Path) -> None:
    done = piped(folder, "upsample", "clip.mkv", "-", "-q")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.startswith(bytes.fromhex("1a45dfa3"))


def test_json_names_standard_input_as_it_was_given(folder: Path) -> None:
    done = piped(folder, "upsample", "-", "film.mkv", "--json", source=(folder / "clip.mkv").read_bytes())
    facts = json.loads(done.stdout)
    assert (facts["input"], facts["output"], facts["frames_out"]) == ("-", "film.mkv", 12)


def test_a_plan_of_a_film_in_pipes_is_told(folder: Path) -> None:
    done = piped(folder, "upsample", "-", "-", "--dry-run", "--json", source=(folder / "clip.mkv").read_bytes())
    facts = json.loads(done.stdout)
    assert (facts["source"]["file"], facts["plan"]["file"]) == ("-", "-")


def test_info_reads_standard_input(folder: Path) -> None:
    done = piped(folder, "info", "-", "--json", source=(folder / "clip.mkv").read_bytes())
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["source"]["file"] == "-"


@pytest.mark.parametrize(
    ("source", "told"), [(b"", "Nothing came from standard input"), (b"Hello.\n" * 99, "stdin can't be read as a film")]
)
def test_what_is_no_film_is_told(source: bytes, told: str, folder: Path) -> None:
    done = piped(folder, "upsample", "-", "-", source=source)
    assert (done.returncode, done.stdout) == (1, b"")
    assert told in done.stderr.decode() and b"Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("-", "clip.mkv", "films"), "can't be one of several films"),
        (("-", "tmp"), "a film from standard input has no name"),
        (("clip.mkv", "clip.mkv", "-"), "- is standard output, which takes one film"),
        (("clip.mkv", "-", "--json"), "standard output carries the film"),
        (("clip.mkv", "-", "--resume"), "nothing is kept of a film for standard output"),
        (("clip.mkv", "film.mkv", "--container", "nut"), "it is for OUT -"),
    ],
)
def test_what_pipes_cant_do_is_wrong_usage(arguments: tuple[str, ...], told: str, folder: Path) -> None:
    done = run_here("upsample", *arguments, folder=folder, environment={"COLUMNS": "300"})
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr


def test_a_terminal_is_neither_read_nor_written(folder: Path) -> None:
    person, terminal = os.openpty()
    reading = piped(folder, "upsample", "-", "film.mkv", stdin=terminal)
    writing = piped(folder, "upsample", "clip.mkv", "-", stdout=terminal, stderr=subprocess.PIPE)
    os.close(terminal)
    os.close(person)
    assert reading.returncode == writing.returncode == 1
    assert b"Standard input is a terminal, not a film" in reading.stderr
    assert b"A film can't be written to a terminal" in writing.stderr


def test_a_reader_that_is_gone_ends_the_run_in_a_sentence(folder: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = piped(folder, "upsample", "clip.mkv", "-", stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    assert done.returncode == 1
    assert b"The program that read standard output has ended" in done.stderr
    assert b"Traceback" not in done.stderr and b"Exception" not in done.stderr


@pytest.mark.parametrize("stage", ["reading", "making"])
def test_nothing_is_left_after_ctrl_c(stage: str, folder: Path) -> None:
    mark = folder / "mark"
    slow = environment(folder, **({"SLOW_MARK": str(mark), "SEGMENT_FRAMES": "2"} if stage == "making" else {}))
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = subprocess.Popen([*BLEND_PROGRAM, "upsample", "-", "-"], cwd=folder, env=slow, **pipes)
    assert process.stdin is not None
    process.stdin.write((folder / "clip.mkv").read_bytes())
    process.stdin.flush()
    if stage == "making":
        process.stdin.close()
        process.stdin = None
    deadline = time.monotonic() + 40
    while not (mark.exists() if stage == "making" else list((folder / "tmp").rglob("stdin"))):
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    output, said = process.communicate(timeout=40)
    assert (process.returncode, output) == (130, b"")
    assert b"nothing was written" in said and b"Traceback" not in said
    assert not list((folder / "tmp").iterdir())
    assert {path.name for path in folder.iterdir()} <= {"clip.mkv", "tmp", "mark"}

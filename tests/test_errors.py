"""Every foreseeable failure, through the command line: one sentence, one hint, an exit code, and nothing left over."""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from clips import (
    BEEP,
    BLEND_PROGRAM,
    ffmpeg,
    frame_hashes,
    frame_times,
    left_running_in,
    make_clip,
    run_blend_here,
    run_here,
    run_program,
)

from ifrplus_cli.errors import (
    DeviceError,
    DownloadError,
    IfrplusError,
    InputError,
    MediaToolError,
    ModelError,
    OutputError,
    UsageError,
    first_line,
)
from ifrplus_cli.system import HANGUP

OUTPUT = "film.mkv"
Make = Callable[[Path], None]


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ValueError("\nIt failed.\nstack"), "It failed"),
        (RuntimeError(), "RuntimeError()"),
    ],
)
def test_another_program_s_message_is_its_first_line_or_its_name(error: Exception, expected: str) -> None:
    assert first_line(error) == expected


@pytest.mark.parametrize("kind", [InputError, OutputError, MediaToolError, ModelError, DownloadError, DeviceError])
def test_every_kind_of_error_carries_a_message_and_a_hint(kind: type[IfrplusError]) -> None:
    error = kind("It broke.", "Mend it.")
    assert isinstance(error, IfrplusError)
    assert (str(error), error.message, error.hint, kind("It broke.").hint) == ("It broke.", "It broke.", "Mend it.", "")


def test_what_is_said_later_is_in_the_text_too() -> None:
    error = OutputError("It broke.")
    error.message += " The film is finished."
    assert str(error) == "It broke. The film is finished."


@pytest.mark.parametrize("error", [UsageError("--fps", "it is odd."), OutputError("It broke.", "Mend it.")])
def test_other_processes_can_send_it(error: IfrplusError) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), again.hint) == (type(error), str(error), error.hint)


@pytest.fixture
def folder(clip: Path, tmp_path: Path) -> Path:
    """A folder with an undamaged clip in it."""
    (tmp_path / "clip.mkv").write_bytes(clip.read_bytes())
    return tmp_path


def check_failure(done: subprocess.CompletedProcess[str], told: str, folder: Path, before: set[str]) -> None:
    """One sentence and one hint on stderr, nothing on stdout, nothing left in the folder, nothing running."""
    assert done.returncode == 1, done.stderr
    assert done.stdout == ""
    error, hint = done.stderr.splitlines()
    assert error.startswith("error: ")
    assert error.endswith(".")
    assert told in error
    assert hint.startswith("hint: ")
    assert hint.endswith((".", ")", "ffmpeg", "mindspore"))
    assert {path.name for path in folder.iterdir()} == before
    assert not left_running_in(folder)


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def write_playlist(folder: Path) -> None:
    make_clip(folder / "part.ts", codec="libx264", output=("-f", "mpegts"))
    (folder / "in.mp4").write_text("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\npart.ts\n#EXT-X-ENDLIST\n")


def write_zero_frames(folder: Path) -> None:
    zero = ("-frames:v", 0, "-c:v", "libx264", "-f", "matroska")
    ffmpeg("-f", "lavfi", "-i", "testsrc2=size=64x48", *zero, folder / "in.mp4")


def write_cut_short(folder: Path) -> None:
    whole = make_clip(folder / "in.mp4", codec="libx264")
    whole.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])


SOURCES: dict[str, tuple[Make, str]] = {
    "missing": (lambda folder: None, "in.mp4 does not exist"),
    "folder": (lambda folder: (folder / "in.mp4").mkdir(), "There is no image (PNG, JPEG, WebP or TIFF) in in.mp4"),
    "empty": (lambda folder: (folder / "in.mp4").touch(), "in.mp4 is empty"),
    "text": (lambda folder: (folder / "in.mp4").write_text("Hello.\n" * 99) and None, "can't be read as a film"),
    "sound only": (lambda folder: ffmpeg(*BEEP, "-t", "0.2", "-c:a", "aac", folder / "in.mp4"), "no video stream"),
    "cut short": (write_cut_short, "can't be read as a film"),
    "no frames": (write_zero_frames, "in.mp4"),
    "playlist": (write_playlist, "in.mp4 is not a film"),
    "script": (
        lambda folder: (folder / "in.mp4").write_text("ffconcat version 1.0\nfile clip.mkv\n") and None,
        "in.mp4 is not a film",
    ),
}


@pytest.mark.parametrize(("make", "told"), SOURCES.values(), ids=SOURCES)
def test_a_source_that_is_not_a_film(make: Make, told: str, folder: Path) -> None:
    make(folder)
    before = names_in(folder)
    check_failure(run_here("upsample", "in.mp4", OUTPUT, folder=folder), told, folder, before)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("http://127.0.0.1:9/film.mp4", OUTPUT), "http://127.0.0.1:9/film.mp4 is an address"),
        (("clip.mkv", "clip.mkv"), "Source and output are the same file"),
        (("clip.mkv", "there.mkv"), "there.mkv already exists"),
        (("clip.mkv", "film.xyz"), "film.xyz does not have the extension of a video file"),
        (("clip.mkv", "nowhere/film.mp4"), "nowhere does not exist"),
        (("clip.mkv", "clip.mkv/film.mp4"), "clip.mkv does not exist"),
        (("clip.mkv", "x" * 300 + ".mp4"), "File name too long"),
        (("clip.mkv", OUTPUT, "--codec", "nope"), "no video encoder named nope"),
        (("clip.mkv", OUTPUT, "--codec", "ffv1", "--crf", "20"), "ffv1 has no --crf"),
        (("clip.mkv", OUTPUT, "--device", "toaster"), "toaster is not a device"),
        (("clip.mkv", OUTPUT, "--fps", "film"), "25 frames per second; 24 would drop some"),
    ],
)
def test_impossible_requests(arguments: tuple[str, ...], told: str, folder: Path) -> None:
    (folder / "there.mkv").write_text("precious")
    before = names_in(folder)
    check_failure(run_here("upsample", *arguments, folder=folder), told, folder, before)
    assert (folder / "there.mkv").read_text() == "precious"


@pytest.mark.parametrize("variable", ["IFRPLUS_FFMPEG", "IFRPLUS_FFPROBE"])
def test_a_missing_program(variable: str, folder: Path) -> None:
    missing = {variable: "/nonexistent/program"}
    done = run_here("upsample", "clip.mkv", OUTPUT, folder=folder, environment=missing)
    check_failure(done, "/nonexistent/program was not found", folder, {"clip.mkv"})
    assert "apt-get install -y ffmpeg" in done.stderr


def test_a_program_of_another_machine(folder: Path) -> None:
    alien = folder.parent / f"{folder.name}-alien"
    alien.write_bytes(b"\x7fELF no program")
    alien.chmod(0o755)
    program = {"IFRPLUS_FFMPEG": str(alien)}
    done = run_here("upsample", "clip.mkv", OUTPUT, folder=folder, environment=program)
    check_failure(done, f"The program {alien} is not made for this machine", folder, {"clip.mkv"})
    told = run_here("upsample", "clip.mkv", OUTPUT, "--json", folder=folder, environment=program)
    assert "is not made for this machine" in json.loads(told.stdout)["message"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("clip.mkv", OUTPUT, "--factor", "1"),
        ("clip.mkv", OUTPUT, "--factor", "x"),
        ("clip.mkv", OUTPUT, "--fps", "fast"),
        ("clip.mkv", OUTPUT, "--fps", "5000"),
        ("clip.mkv", OUTPUT, "--fps", "60", "--factor", "2"),
        ("clip.mkv", OUTPUT, "--tile", "foo"),
        ("clip.mkv", OUTPUT, "--cut-fill", "foo"),
        ("clip.mkv", OUTPUT, "--encoder-arg", "foo"),
        ("clip.mkv", OUTPUT, "--nonsense"),
        ("clip.mkv",),
    ],
)
def test_wrong_usage_exits_with_2(arguments: tuple[str, ...], folder: Path) -> None:
    done = run_here("upsample", *arguments, folder=folder)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert "Usage:" in done.stderr
    assert names_in(folder) == {"clip.mkv"}


def wrapper(folder: Path, name: str, script: str) -> dict[str, str]:
    """An environment in which a script runs in place of ffmpeg where it decodes or encodes a film."""
    pattern = {"decoder": "*rawvideo*pipe:1*", "encoder": "*pipe:0*"}[name]
    path = folder.parent / f"{folder.name}-ffmpeg.sh"
    path.write_text(f'#!/bin/sh\ncase "$*" in {pattern}) {script} ;; esac\nexec ffmpeg "$@"\n')
    path.chmod(0o755)
    return {"IFRPLUS_FFMPEG": str(path)}


TO_FULL_DISK = 'for a do shift; case "$a" in *.part.*) a=/dev/full;; esac; set -- "$@" "$a"; done; exec ffmpeg "$@"'


@pytest.mark.parametrize(
    ("name", "script", "told"),
    [
        (
            "encoder",
            "head -c 20000 >/dev/null; kill -KILL $$",
            "ffmpeg stopped writing the film: it was ended by SIGKILL",
        ),
        ("decoder", 'ffmpeg "$@" | head -c 10000; kill -KILL $$', "ffmpeg stopped decoding clip.mkv after 2 frames"),
        ("encoder", TO_FULL_DISK, "The disk is full"),
    ],
    ids=["encoder dies", "decoder dies", "disk full"],
)
def test_a_fault_midway(name: str, script: str, told: str, folder: Path) -> None:
    environment = wrapper(folder, name, script)
    done = run_blend_here("upsample", "clip.mkv", OUTPUT, "-q", folder=folder, environment=environment)
    check_failure(done, told, folder, {"clip.mkv"})


def test_a_file_that_may_not_grow(tmp_path: Path) -> None:
    make_clip(tmp_path / "clip.mkv", frames=30, size="160x120", noise=True)
    limited = ("sh", "-c", 'ulimit -f 64; exec "$@"', "sh", *BLEND_PROGRAM)
    done = run_program("upsample", "clip.mkv", OUTPUT, "-q", "--crf", "0", folder=tmp_path, program=limited)
    check_failure(done, "The disk is full", tmp_path, {"clip.mkv"})


def test_an_encoder_that_refuses(folder: Path) -> None:
    refused = ("--encoder-arg", "nope=1", "-q")
    done = run_blend_here("upsample", "clip.mkv", "film.mp4", *refused, folder=folder)
    check_failure(done, "ffmpeg could not encode with libx264: Unrecognized option 'nope", folder, {"clip.mkv"})


@pytest.mark.parametrize(
    ("codec", "output"),
    [("ffv1", "film.mp4"), ("libx264", "film.webm"), ("libvpx", "film.mov"), ("libvpx-vp9", "film.mov")],
)
def test_a_codec_that_the_container_does_not_hold(codec: str, output: str, folder: Path) -> None:
    done = run_blend_here("upsample", "clip.mkv", output, "--codec", codec, "-q", folder=folder)
    check_failure(done, f"ffmpeg could not encode with {codec}: ", folder, {"clip.mkv"})
    hint = f"Use .mkv for the output, or another --codec: this kind of file can't hold {codec} video."
    assert hint in done.stderr


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, HANGUP])
def test_an_interrupted_run_leaves_nothing(sent: signal.Signals, tmp_path: Path) -> None:
    make_clip(tmp_path / "clip.mkv", frames=60)
    mark = tmp_path.parent / f"{tmp_path.name}-mark"
    command = [*BLEND_PROGRAM, "upsample", tmp_path / "clip.mkv", tmp_path / "film.mp4", "-q"]
    environment = {**os.environ, "SLOW_MARK": str(mark)}
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    ignored = signal.signal(sent, signal.SIG_DFL)  # nohup may have these tests ignore it, and what they start
    process = subprocess.Popen(command, **pipes, env=environment, text=True)  # type: ignore[call-overload]
    signal.signal(sent, ignored)
    while not mark.exists():
        assert process.poll() is None
        time.sleep(0.02)
    assert [name for name in names_in(tmp_path) if ".part" in name]
    process.send_signal(sent)
    told, complained = process.communicate(timeout=20)
    assert process.returncode == 130
    assert told == ""
    assert complained.startswith("interrupted:")
    assert len(complained.splitlines()) == 1
    assert names_in(tmp_path) == {"clip.mkv"}
    assert not left_running_in(tmp_path)


NAMES = ["-y.mkv", 'it\'s "so": 100%d [red]\ntwo lines, Übergröße 影片?.mkv']


@pytest.mark.parametrize("name", NAMES)
def test_any_name_works(name: str, folder: Path) -> None:
    (folder / "clip.mkv").rename(folder / name)
    done = run_blend_here("upsample", "-q", "--", name, f"-x2 {name}", folder=folder)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert len(frame_times(folder / f"-x2 {name}")) == 12
    assert names_in(folder) == {name, f"-x2 {name}"}


@pytest.mark.parametrize("arguments", [(b"caf\xe9.mkv", OUTPUT), ("clip.mkv", b"th\xe9.mkv")])
def test_a_name_that_is_not_text(arguments: tuple[str | bytes, ...], folder: Path) -> None:
    (folder / os.fsdecode(b"caf\xe9.mkv")).write_bytes((folder / "clip.mkv").read_bytes())
    before = names_in(folder)
    check_failure(run_here("upsample", *arguments, folder=folder), "is not valid text", folder, before)


def test_a_locale_without_utf_8_changes_nothing(folder: Path) -> None:
    (folder / "clip.mkv").rename(folder / NAMES[1])
    command = ("upsample", "--json", NAMES[1], "影片.mp4")
    done = run_program(*command, folder=folder, program=BLEND_PROGRAM, environment={"LC_ALL": "C"})
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["frames_out"] == 12
    assert len(frame_times(folder / "影片.mp4")) == 12


def test_a_python_without_utf_8_says_what_it_cant_name(folder: Path) -> None:
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    (folder / "ü.mkv").write_bytes((folder / "clip.mkv").read_bytes())
    done = run_program("upsample", "ü.mkv", OUTPUT, folder=folder, program=BLEND_PROGRAM, environment=plain)
    check_failure(done, "is not valid text", folder, {"clip.mkv", "ü.mkv"})
    done = run_program("upsample", "clip.mkv", OUTPUT, "-q", folder=folder, program=BLEND_PROGRAM, environment=plain)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("closed", "told"),
    [
        ("| true", ""),
        (">&-", ""),
        ("2>&-", ""),
        ("<&-", ""),
        (">&- 2>&- <&-", ""),
        (">/dev/full", "error: The disk is full.\n"),
    ],
)
def test_closed_output_streams_are_no_failure(closed: str, told: str, folder: Path) -> None:
    shell = ("sh", "-c", f'"$@" {closed}', "sh", *BLEND_PROGRAM)
    done = run_program("upsample", "clip.mkv", OUTPUT, "--json", folder=folder, program=shell)
    assert done.stderr.partition("hint:")[0] == told
    assert len(frame_times(folder / OUTPUT)) == 12
    assert names_in(folder) == {"clip.mkv", OUTPUT}


def obeying(folder: Path) -> tuple[str, ...]:
    """The program without root's right to write everywhere."""
    if os.geteuid() != 0:
        return BLEND_PROGRAM
    limited = ("setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-dac_override,-dac_read_search")
    if subprocess.run([*limited, "test", "-w", folder], check=False).returncode != 1:
        pytest.skip("root can't be kept from writing here")
    return (*limited, *BLEND_PROGRAM)


def test_a_folder_that_may_only_be_read(folder: Path) -> None:
    (folder / "out").mkdir()
    folder.chmod(0o555)
    try:
        program = obeying(folder)
        done = run_program("upsample", "clip.mkv", OUTPUT, folder=folder, program=program)
        check_failure(done, f"{OUTPUT} can't be written", folder, {"clip.mkv", "out"})
        report = ("out/film.mkv", "--report", "run.html")
        done = run_program("upsample", "clip.mkv", *report, folder=folder, program=program)
        check_failure(done, "no file can be created in", folder, {"clip.mkv", "out"})
        done = run_program("upsample", "-q", "clip.mkv", "out/film.mkv", folder=folder, program=program)
        assert (done.returncode, done.stderr) == (0, "")
    finally:
        folder.chmod(0o755)


def test_a_source_that_may_not_be_read(folder: Path) -> None:
    (folder / "clip.mkv").chmod(0)
    folder.chmod(0o555)
    try:
        program = obeying(folder)
    finally:
        folder.chmod(0o755)
    done = run_program("upsample", "clip.mkv", OUTPUT, folder=folder, program=program)
    check_failure(done, "clip.mkv can't be read", folder, {"clip.mkv"})


SLOWLY = f"""{sys.executable} -c '
import sys, time
while part := sys.stdin.buffer.read1(2000):
    time.sleep(0.01)
    sys.stdout.buffer.write(part)
    sys.stdout.buffer.flush()'"""


@pytest.mark.parametrize(
    ("name", "script"),
    [("decoder", f'ffmpeg "$@" | {SLOWLY}; exit'), ("encoder", f'{SLOWLY} | ffmpeg "$@"; exit')],
)
def test_a_slow_disk_only_takes_longer(name: str, script: str, folder: Path) -> None:
    command = ("upsample", "clip.mkv", OUTPUT, "-q", "--codec", "ffv1")
    environment = wrapper(folder, name, script)
    done = run_blend_here(*command, folder=folder, environment=environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(frame_times(folder / OUTPUT)) == 12
    assert frame_hashes(folder / OUTPUT, "yuv420p")[::2] == frame_hashes(folder / "clip.mkv", "yuv420p")
    assert names_in(folder) == {"clip.mkv", OUTPUT}


def test_a_film_of_one_frame_is_no_failure(tmp_path: Path) -> None:
    make_clip(tmp_path / "clip.mkv", frames=1)
    done = run_blend_here("upsample", "clip.mkv", "film.mp4", "-q", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(frame_times(tmp_path / "film.mp4")) == 2


def test_the_debug_variable_shows_the_traceback(folder: Path) -> None:
    done = run_program("upsample", "no.mkv", OUTPUT, folder=folder, environment={"IFRPLUS_DEBUG": "1"})
    assert done.returncode == 1
    assert "Traceback" in done.stderr

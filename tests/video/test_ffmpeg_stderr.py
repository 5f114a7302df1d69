"""stderr of a child process never stands in its way, and its cause of death is told."""

from __future__ import annotations

import subprocess
import sys

import pytest

from ifrplus_cli.video.ffmpeg import StderrDrain


def drained(script: str) -> tuple[StderrDrain, int]:
    """Run a Python script to its end with its stderr drained."""
    process = subprocess.Popen([sys.executable, "-c", f"import os, sys\n{script}"], stderr=subprocess.PIPE)
    assert process.stderr is not None
    drain = StderrDrain(process.stderr)
    return drain, process.wait(timeout=30)


def test_a_child_that_talks_more_than_a_pipe_holds_does_not_hang() -> None:
    drain, exit_code = drained("sys.stderr.write('[info] more talk\\n' * 50_000)")
    assert exit_code == 0
    assert drain.reason() == "more talk"


def test_the_first_complaint_is_the_cause() -> None:
    drain, _ = drained("sys.stderr.write('[info] a\\n[error] disk on fire.\\n[fatal] giving up\\n[info] bye\\n')")
    assert drain.reason() == "disk on fire"
    assert drain.complaints == 2


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("[libx264 @ 0x55d0c8c0] [error] bad preset.", "bad preset"),
        ("[error] [mp4 @ 0x1] no tag", "no tag"),
        ("[warning] only a warning", "only a warning"),
        ("plain words", "plain words"),
    ],
)
def test_addresses_and_levels_are_left_out(line: str, told: str) -> None:
    drain, _ = drained(f"print({line!r}, file=sys.stderr)")
    assert drain.reason() == told


def test_a_silent_death_is_said_to_be_one() -> None:
    drain, exit_code = drained("sys.exit(3)")
    assert drain.reason(exit_code) == "it gave no reason"


def test_a_signal_is_named_whatever_was_said_before() -> None:
    drain, exit_code = drained("os.write(2, b'[error] minor thing\\n'); os.kill(os.getpid(), 9)")
    assert drain.reason(exit_code) == "it was ended by SIGKILL"


def test_bytes_that_are_no_text_do_no_harm() -> None:
    drain, _ = drained("os.write(2, b'[error] name \\xff\\xfe\\n')")
    assert drain.reason().startswith("name ")

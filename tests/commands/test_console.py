"""What a person sees on a narrow terminal, on a dumb one, and in a file."""

from __future__ import annotations

import json
import os
import pty
import sys
from io import BytesIO, StringIO, TextIOWrapper
from pathlib import Path

import pytest
from clips import BLEND_PROGRAM, PACKAGE_FOLDER, make_clip
from rich.console import Console
from rich.text import Text

from ifrplus_cli.commands import console
from ifrplus_cli.training.run import TrainingProgress

LONG = "Made frames are close to the true ones, and nothing else is to be said about them here."
ROW = {"": "lite", "psnr": "30.54", "ssim_channels": "0.9088", "ssim_volume": "0.9459"}


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "_is_terminal", lambda _: True)
    monkeypatch.setenv("COLUMNS", "40")


def test_a_file_gets_every_sentence_on_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    console.print_points([LONG, LONG])
    console.print_facts({"name": LONG, "longer name": "[b]", ":v:": "b:v:0"}, to_stdout=True)
    assert capsys.readouterr().out.splitlines() == [
        f"- {LONG}", f"- {LONG}", f"name         {LONG}", "longer name  [b]", ":v:          b:v:0",
    ]  # fmt: skip


def test_a_name_that_is_no_text_is_printed_as_ascii(monkeypatch: pytest.MonkeyPatch) -> None:
    strict = TextIOWrapper(BytesIO(), "utf-8", errors="strict")
    monkeypatch.setattr(sys, "stdout", strict)
    for name in (os.fsdecode(b"\xff.mkv"), "ü.mkv"):
        console.print_json({"input": name})
    strict.flush()
    first, second = strict.buffer.getvalue().splitlines()  # type: ignore[attr-defined]
    assert json.loads(first) == {"input": os.fsdecode(b"\xff.mkv")}
    assert second == '{"input": "ü.mkv"}'.encode()


@pytest.mark.usefixtures("narrow")
def test_words_stay_whole_on_a_narrow_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    console.print_points([LONG])
    console.print_facts({"name": LONG}, to_stdout=True)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 40
    assert " ".join(line[2:].strip() for line in lines[: lines.index(next(x for x in lines if "name" in x))]) == LONG
    assert all(line.startswith("      ") for line in lines if line.startswith("   "))


@pytest.mark.usefixtures("narrow")
def test_a_table_that_is_too_wide_is_told_row_by_row(capsys: pytest.CaptureFixture[str]) -> None:
    console.print_table("Means", [ROW, {**ROW, "": "a blend", "ssim_volume": ""}])
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        "Means", "", "lite", "  psnr           30.54", "  ssim_channels  0.9088", "  ssim_volume    0.9459",
        "", "a blend", "  psnr           30.54", "  ssim_channels  0.9088",
    ]  # fmt: skip


def test_a_file_gets_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    console.print_table("Means", [ROW])
    lines = capsys.readouterr().out.splitlines()
    assert any(line.split() == list(ROW.values()) for line in lines)


@pytest.mark.parametrize("terminal", ["xterm-256color", "dumb"])
def test_a_run_fits_a_terminal_of_40_columns(tmp_path: Path, terminal: str) -> None:
    make_clip(tmp_path / "clip.mkv", frames=40)
    told = on_terminal(tmp_path, {"TERM": terminal, "COLUMNS": "40", "NO_COLOR": "1"}, "upsample", "clip.mkv", "o.mp4")
    assert "verified." in told
    lines = told.replace("\x1b[2K", "").replace("\r", "\n").splitlines()
    assert max(len(line) for line in lines if "\x1b" not in line) <= 40
    assert "\x1b[3" not in told, "no colour"
    if terminal == "dumb":
        assert "\x1b" not in told


@pytest.mark.parametrize(
    ("columns", "told"), [(40, "step 12345, 30.1 dB, 5:25:11 left"), (80, "loss 0.1235, validation")]
)
def test_training_is_told_as_fits_the_terminal(columns: int, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = StringIO()
    monkeypatch.setattr(console, "talk", Console(file=shown, force_terminal=True, width=columns))
    with console.training_bar(shown=True) as advance:
        advance(TrainingProgress(12345, 0.5, 0.12345, 30.123, 19511.0))
    last = Text.from_ansi(shown.getvalue()).plain.splitlines()[-1]
    assert told in last
    assert last.endswith("5:25:11 left")
    assert len(last) <= columns


def on_terminal(folder: Path, environment: dict[str, str], *arguments: str) -> str:
    """What the program writes to a terminal of its own."""
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(folder)
        os.execve(
            sys.executable,
            [*BLEND_PROGRAM, *arguments],
            {**os.environ, "PYTHONPATH": str(PACKAGE_FOLDER), **environment},
        )
    told = b""
    while True:
        try:
            part = os.read(terminal, 4096)
        except OSError:  # the program has ended
            break
        if not part:
            break
        told += part
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, told
    return told.decode()

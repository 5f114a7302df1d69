"""Help as a person reads it, and what is said of mistyped options and values."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer
from clips import make_clip, run_here

from ifrplus_cli.commands.help_pages import EXAMPLES, GROUPS, entries
from ifrplus_cli.commands.main import COMMANDS, app


def shown(*words: str, folder: Path, columns: int = 80) -> list[str]:
    done = run_here(*words, folder=folder, environment={"COLUMNS": str(columns)})
    assert done.returncode == 0
    return done.stdout.splitlines()


def complaint(*words: str, folder: Path) -> str:
    """Return what is said of wrong usage, without the frame around it."""
    done = run_here(*words, folder=folder)
    assert done.returncode == 2
    return " ".join(re.sub("[│╭╮╰╯─]", " ", done.stderr).split())


def test_options_are_in_groups_with_the_most_used_ones_first(tmp_path: Path) -> None:
    page = shown("upsample", "--help", folder=tmp_path)
    titles = [line for line in page if re.fullmatch(r"\w+:", line)]
    assert titles == ["Arguments:", *(f"{title}:" for title in GROUPS), "Examples:"]
    first = [line.split()[0] for line in page[page.index("Basic:") + 1 :] if line.startswith("  -")][:5]
    assert first == ["--factor", "--fps", "--slow-motion", "--for", "-y,"]
    assert "  ifrplus upsample in.mp4 out.mp4" in page[page.index("Examples:") + 1]


def test_every_command_has_a_page_with_examples(tmp_path: Path) -> None:
    for name in COMMANDS:
        page = "\n".join(shown(name, "--help", folder=tmp_path))
        assert f"ifrplus {name}" in page.split("Examples:")[1]
        assert not re.search(r"<\w+>|<=|>=|\[\]|default: \(", page)
    whole = "\n".join(shown("--help", folder=tmp_path))
    assert all(f"\n  {name} " in whole for name in COMMANDS)


@pytest.mark.parametrize("columns", [50, 80, 200])
def test_a_page_fits_the_terminal(columns: int, tmp_path: Path) -> None:
    page = shown("upsample", "--help", folder=tmp_path, columns=columns)
    assert all(len(line) <= min(columns, 110) for line in page[: page.index("Examples:")])


def test_examples_fit_a_terminal_of_80_columns(tmp_path: Path) -> None:
    for name in EXAMPLES:
        assert all(len(line) <= 80 for line in shown(*([name] if name else []), "--help", folder=tmp_path))


def test_a_former_name_has_a_page_and_is_not_listed(tmp_path: Path) -> None:
    assert any("former name" in line for line in shown("devices", "--help", folder=tmp_path))
    assert not any(line.startswith("  devices") for line in shown("--help", folder=tmp_path))


def test_every_option_of_upsample_has_a_group() -> None:
    command = typer.main.get_command(app).commands["upsample"]  # type: ignore[attr-defined]
    groups = entries(command, command.make_context("upsample", [], resilient_parsing=True))
    assert "Options" not in groups, "name the option in GROUPS of commands/help_pages.py"


def test_a_command_alone_shows_examples(tmp_path: Path) -> None:
    told = complaint("upsample", folder=tmp_path)
    assert all(example in told for example, _ in EXAMPLES["upsample"][:3])
    assert "IN and OUT are missing. For example:" in told
    assert "For example: ifrplus check in.mp4" in complaint("check", folder=tmp_path)


@pytest.mark.parametrize(
    ("words", "question"),
    [
        (("upsample", "a.mp4", "b.mp4", "--facto", "2"), "No such option: --facto. Did you mean --factor?"),
        (("upsample", "a.mp4", "b.mp4", "--model", "lit"), "ifrnet-l-gopro. Did you mean lite?"),
        (("upsample", "a.mp4", "b.mp4", "--for", "wbe"), "social. Did you mean web?"),
        (("bench", "--engine", "mindspor"), "mindspor is not one of auto, mindspore, onnx. Did you mean mindspore?"),
        (("download-weights", "rief"), "Did you mean rife?"),
        (("upsampel",), "Did you mean 'upsample'?"),
    ],
)
def test_a_mistyped_word_gets_a_suggestion(words: tuple[str, ...], question: str, tmp_path: Path) -> None:
    assert question in complaint(*words, folder=tmp_path)


@pytest.mark.parametrize(("codec", "meant"), [("libx266", "libx26"), ("h265", "libx265"), ("prores_kss", "prores_ks")])
def test_a_mistyped_codec_gets_a_suggestion(codec: str, meant: str, tmp_path: Path) -> None:
    make_clip(tmp_path / "in.mkv", frames=2)
    done = run_here("upsample", "in.mkv", "out.mkv", "--codec", codec, folder=tmp_path)
    assert done.returncode == 1
    assert f"hint: Did you mean {meant}" in done.stderr

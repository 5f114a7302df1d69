"""The README and the documents: their links lead somewhere, their commands run, and no figure drifts away."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer
from clips import BEEP, make_animation, make_clip, make_images, run_blend_here
from triplet_folders import write_triplet

from ifrplus_cli.commands.main import app

ROOT = Path(__file__).parents[1]
FILES = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(ROOT.glob("docs/*.md")), ROOT / "tools" / "README.md")
# Examples of options.md are those of the help, and are parsed alone.
DOCUMENTS = [path for path in FILES if path.parent.name != "tools" and path.name != "options.md"]
LONGEST_README = 1200  # words, table lines included
# What a command needs that no test has: other weights, devices, a network, hours, or somebody's own files.
NEEDS_MORE = re.compile(
    r"--device|_nvenc|--model (?:rife|ifrplus|ifrnet)|--weights|--engine|--cluster|download-weights (?!--list)"
    r"|\btrain\b|\bbench\b|\b[A-Z]{2,}\b|release\.zip|doctor >"
)
CONTINUES = "\\\n"
CODE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)  # its language, and what it says


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def anchors(path: Path) -> set[str]:
    """Return the anchors of a Markdown file, as GitHub makes them of its headings."""
    headings = re.findall(r"^#+ (.*)$", without_code(path.read_text("utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def without_code(text: str) -> str:
    return CODE.sub("", text)


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_every_link_leads_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", without_code(path.read_text("utf-8"))):
        place, _, anchor = target.partition("#")
        if place.startswith("http"):
            assert place.startswith("https://")
            continue
        found = (path.parent / place).resolve() if place else path
        assert found.exists(), f"{target} in {name_of(path)}"
        assert not anchor or anchor in anchors(found), f"{target} in {name_of(path)}"


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_every_named_file_of_this_project_exists(path: Path) -> None:
    named = re.findall(r"\b(?:tools|tests|ifrplus_cli)/[\w/]+\.py\b", path.read_text("utf-8"))
    assert [name for name in named if "NAME" not in name and not (ROOT / name).exists()] == []


def test_the_readme_is_short_and_names_every_document() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    assert len(text.split()) <= LONGEST_README
    assert all(f"(docs/{path.name})" in text for path in ROOT.glob("docs/*.md"))


def test_no_figure_stands_in_two_documents() -> None:
    homes: dict[str, set[str]] = {}
    for path in DOCUMENTS:
        for figure in re.findall(r"(?<![\d.])\d+\.(?:\d{3,}|\d+ dB)(?![\d.]*\d)", path.read_text("utf-8")):
            homes.setdefault(figure, set()).add(name_of(path))
    assert {figure: names for figure, names in homes.items() if len(names) > 1} == {}


def test_the_errors_of_the_readme_are_those_of_the_program() -> None:
    table = (ROOT / "README.md").read_text("utf-8").split("## Troubleshooting")[1].split("\n## ")[0]
    messages = re.findall(r"^\| (?!it says|---|`)(.*?) \|", table, re.MULTILINE)
    sources = " ".join(path.read_text("utf-8") for path in (ROOT / "ifrplus_cli").rglob("*.py"))
    assert len(messages) == 9
    for message in messages:
        parts = re.split(r"…|\bout\.mp4\b|\brife\b|\bffmpeg\b|\b60\b", message)
        assert [part for part in parts if part.strip() and part.strip() not in sources] == [], message


def commands_of(path: Path) -> Iterator[str]:
    """Yield the commands of a document: the lines of its code blocks, and the ``ifrplus ...`` within its sentences."""
    text = path.read_text("utf-8")
    for block in (says for language, says in CODE.findall(text) if not language):
        lines = block.replace(CONTINUES, " ").splitlines()
        prompted = any(line.startswith("$ ") for line in lines)
        yield from (line.removeprefix("$ ") for line in lines if line and (line.startswith("$ ") or not prompted))
    prose = without_code(text).replace(r"\|", "|")
    yield from re.findall(r"`((?:ifrplus|python tools/|make|msrun)\s[^`]+)`", " ".join(prose.split()))


@cache
def programs(command: str) -> list[list[str]]:
    """Return the words of each program of a pipeline, without comments."""
    words = shlex.split(command.partition(" > ")[0], comments=True)
    pipeline: list[list[str]] = [[]]
    for word in words:
        if word in ("|", "&&", ";"):
            pipeline.append([])
        else:
            pipeline[-1].append(word)
    return [program for program in pipeline if program]


def check_by_parser(words: list[str]) -> None:
    """Parse the words after ``ifrplus``; an option or value that does not exist is an error."""
    if words[0] in ("COMMAND", "-h", "--help", "--version", "--install-completion"):
        return
    command: Any = typer.main.get_command(app).commands[words[0]]  # type: ignore[attr-defined]
    if words[1:] and not set(words) & {"[OPTIONS]"}:
        command.make_context(
            words[0], [word.replace("NAME", "lite") for word in words[1:] if word not in ("-h", "--help")]
        )


def check_program(words: list[str]) -> None:
    """Check a command as far as that goes without running it."""
    if "ifrplus" in words:  # also behind msrun
        check_by_parser(words[words.index("ifrplus") + 1 :])
    elif words[0] == "python":
        text = (ROOT / words[1]).read_text("utf-8")
        options = [word for word in words[2 : words.index("--") if "--" in words else None] if word.startswith("--")]
        assert all(f'"{option}"' in text for option in options), words
    elif words[0] == "make":
        assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_every_command_is_one_that_the_program_has(path: Path) -> None:
    for command in commands_of(path):
        for words in programs(command.replace("$(which ifrplus)", "ifrplus")):
            check_program(words)


def kind_of(command: str) -> tuple[object, ...]:
    """Return what a command asks for, whatever its files are called: its options, and the kinds of its files."""
    words = shlex.split(command)
    files = [word for word in words[2:] if "." in word or "/" in word]
    return words[1], *(word for word in words if word.startswith("--")), *(Path(name).suffix for name in files)


def runnable() -> list[str]:
    """Return what a test can run of the commands of all documents, one of each kind."""
    found = [re.sub(r"\s+#\s.*", "", command) for path in DOCUMENTS for command in commands_of(path)]
    whole = [command for command in found if command.startswith("ifrplus ") and len(command.split()) > 2]
    usable = [command for command in whole if "|" not in command and not NEEDS_MORE.search(command)]
    return list({kind_of(command): command for command in reversed(usable)}.values())


@pytest.fixture(scope="session")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files that the documents speak of, all of them short."""
    folder = tmp_path_factory.mktemp("material")
    sound = {"inputs": BEEP, "output": ("-c:a", "aac", "-t", "0.24"), "codec": "libx264"}
    make_clip(folder / "in.mp4", **sound)
    for name in ("in.mkv", "in.mov", "cartoon.mp4", "film.mov"):
        shutil.copy(folder / "in.mp4", folder / name)
    make_clip(folder / "long.mp4", rate="1", frames=75, codec="libx264")
    make_clip(folder / "tape.mpg", codec="mpeg2video", frames=10)
    make_clip(folder / "dvd.vob", codec="mpeg2video", frames=30, rate="30000/1001")
    make_animation(folder / "in.gif")
    make_animation(folder / "sticker.webp")
    for name in ("frames", "render"):
        make_images(folder / name)
        for image in (folder / name).glob("*.png"):
            image.rename(image.with_stem(image.stem.zfill(4)))
    for name in ("vimeo_triplet", "set"):
        for number in range(2):
            write_triplet(folder / name / f"{number}", *[(32, 32)] * 3)
    return folder


def words_in(folder: Path, command: str) -> list[str]:
    """Return the words of a command after ``ifrplus``; patterns without quotes become the files that they match."""
    words = shlex.split(command.replace("'render/*.png'", "'render/?.png'"))[1:]
    given = [sorted(path.name for path in folder.glob(word)) if word.startswith("*") else [word] for word in words]
    return [each.replace("render/?.png", "render/*.png") for group in given for each in group]


@pytest.mark.parametrize("command", runnable())
def test_a_command_of_the_documents_runs(command: str, material: Path, tmp_path: Path) -> None:
    folder = tmp_path / "here"
    shutil.copytree(material, folder)
    if "--start" in command:
        (folder / "long.mp4").replace(folder / "in.mp4")
    if "--cuts-in" in command:
        (folder / "cuts.json").write_text('{"cuts": [{"frame": 3}]}')
    done = run_blend_here(*words_in(folder, command), folder=folder)
    assert done.returncode == 0, done.stderr

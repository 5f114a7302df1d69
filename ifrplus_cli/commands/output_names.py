"""Names for the outputs of several films in one folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ifrplus_cli.errors import OutputError
from ifrplus_cli.video.formats.containers import CONTAINERS
from ifrplus_cli.video.formats.images import FILMS, KINDS

DEFAULT_NAME = "{stem}{suffix}"
OTHERWISE = ".mp4"  # for films in containers that can't be written


def name_outputs(sources: Sequence[Path], folder: Path, pattern: str = DEFAULT_NAME) -> list[tuple[Path, Path]]:
    """Return each source with its output.

    Args:
        folder: created if it does not exist.
        pattern: a file name with ``{stem}`` and ``{suffix}`` of the source and ``{number}``, from 1 on.

    Raises:
        OutputError: if the folder can't be created, the pattern is wrong, or two outputs would be one file.
    """
    if folder.suffix.lower() in (*CONTAINERS, *FILMS, *KINDS) and not is_folder(folder):
        raise OutputError(f"{folder} is not the name of a folder.", "Several films need a folder as OUT.")
    named = [(source, folder / _name(source, number, pattern)) for number, source in enumerate(sources, start=1)]
    outputs = [output for _, output in named]
    if twice := next((output for output in outputs if outputs.count(output) > 1), None):
        raise OutputError(f"Two films would be written to {twice}.", "Use {number} in --name.")
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"The folder {folder} can't be created: {error.strerror}.", "Several films need a folder as OUT."
        ) from error
    return named


def is_folder(path: Path) -> bool:
    """Return whether the path is a folder; False if the path is inaccessible."""
    try:
        return path.is_dir()
    except OSError:
        return False


def _name(source: Path, number: int, pattern: str) -> str:
    suffix = source.suffix if source.suffix.lower() in CONTAINERS else OTHERWISE
    try:
        name = pattern.format(stem=source.stem, suffix=suffix, number=number)
    except (KeyError, IndexError, ValueError, AttributeError, TypeError):
        name = ""
    if not name or Path(name).name != name:
        raise OutputError(
            f"{pattern} is not a pattern for file names.", "Use {stem}, {suffix} and {number}, as in {stem}-60fps.mp4."
        )
    return name

"""Several films into one folder: what each will be called."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ifrplus_cli.errors import OutputError
from ifrplus_cli.video.containers import CONTAINERS

DEFAULT_NAME = "{stem}{suffix}"
OTHERWISE = ".mp4"  # for films of a kind that can't be written


def name_outputs(sources: Sequence[Path], folder: Path, pattern: str = DEFAULT_NAME) -> list[tuple[Path, Path]]:
    """Each source with its output.

    Args:
        folder: made if it is not there.
        pattern: a file name with ``{stem}`` and ``{suffix}`` of the source and ``{number}``, from 1 on.

    Raises:
        OutputError: if the folder can't be made, the pattern means nothing, or two outputs would be one file.
    """
    named = [(source, folder / _name(source, number, pattern)) for number, source in enumerate(sources, start=1)]
    outputs = [output for _, output in named]
    if twice := next((output for output in outputs if outputs.count(output) > 1), None):
        raise OutputError(f"Two films would become {twice}.", "Put {number} into --name, or choose other films.")
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"The folder {folder} can't be made: {error.strerror}.", "Several films need a folder as OUT."
        ) from error
    return named


def is_folder(path: Path) -> bool:
    """Whether a folder is there; a name that can't be looked at is none."""
    try:
        return path.is_dir()
    except OSError:
        return False


def _name(source: Path, number: int, pattern: str) -> str:
    suffix = source.suffix if source.suffix.lower() in CONTAINERS else OTHERWISE
    try:
        name = pattern.format(stem=source.stem, suffix=suffix, number=number)
    except (KeyError, IndexError, ValueError, AttributeError):
        name = ""
    if not name or Path(name).name != name:
        raise OutputError(
            f"{pattern} is no pattern of file names.", "Use {stem}, {suffix} and {number}, such as {stem}-60fps.mp4."
        )
    return name

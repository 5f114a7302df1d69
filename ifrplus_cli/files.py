"""Small files that a person asks for: they appear when they are whole."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from ifrplus_cli.errors import OutputError


def check_place(path: Path, option: str, films: Sequence[Path] = ()) -> None:
    """Find out before a long run whether a file can be written at its end.

    Args:
        option: that named the file, such as ``--csv``.
        films: that must not be written over.

    Raises:
        OutputError: if it can't.
    """
    if path.resolve() in [film.resolve() for film in films]:
        raise OutputError(f"{option} would be written over {path}.", f"Give another {option}.")
    folder = path.absolute().parent
    if path.is_dir() or not os.access(folder, os.W_OK):
        why = "it is a folder" if path.is_dir() else f"no file can be made in {folder}"
        raise OutputError(f"{path} can't be written: {why}.", f"Give another {option}.")


def write_whole(path: Path, text: str, option: str) -> None:
    """Write a text file, in place of one that may be there.

    Args:
        option: that named the file, such as ``--csv``.

    Raises:
        OutputError: if it can't be written.
    """
    part = path.with_name(f".{path.name[:40]}.{os.getpid()}.part")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise OutputError(f"{path} can't be written: {error.strerror}.", f"Give another {option}.") from error
    finally:
        part.unlink(missing_ok=True)

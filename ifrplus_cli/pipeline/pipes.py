"""Films in pipes: one from standard input is kept in a temporary file, one for standard output is made in another."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from errno import EDQUOT, EFBIG, ENOSPC
from pathlib import Path

from ifrplus_cli.errors import InputError, OutputError
from ifrplus_cli.files import CHUNK, LEAST_FREE, size_text, unwritable
from ifrplus_cli.system import has_reader

PIPE = Path("-")  # the name of standard input and of standard output
STDIN, STDOUT = 0, 1  # file descriptors
FULL = (ENOSPC, EDQUOT, EFBIG)
LARGER_DISK = "Free some space, or set TMPDIR to a folder on a larger disk."


def is_pipe(path: Path) -> bool:
    """Return whether a path is the name of standard input or standard output."""
    return path == PIPE


@contextmanager
def temporary_folder(output: Path) -> Iterator[Path]:
    """Return a folder that exists within the ``with`` block: in TMPDIR, or else on the disk of the output.

    Args:
        output: the output, which may be standard output.

    Raises:
        OutputError: if it can't be created.
    """
    beside = output.absolute().parent
    place = tempfile.gettempdir() if is_pipe(output) or "TMPDIR" in os.environ else beside
    try:
        folder = tempfile.TemporaryDirectory(prefix=".ifrplus-", dir=place)
    except OSError as error:
        raise unwritable(Path(place) / "film", error) from error
    with folder as name:
        yield Path(name)


def receive(descriptor: int, path: Path) -> None:
    """Write everything that comes from a pipe to a file.

    The file's date is always the same: the same film through a pipe once more is the same source for ``--resume``.

    Args:
        descriptor: file descriptor of the pipe.

    Raises:
        InputError: if nothing comes, or the pipe can't be read.
        OutputError: if the disk becomes full.
    """
    known = os.fstat(descriptor)
    _check_room(path, known.st_size if stat.S_ISREG(known.st_mode) else 0)
    received = 0
    with path.open("wb") as file:
        while block := _next_block(descriptor):
            _check_room(path, len(block))
            try:
                file.write(block)
                file.flush()
            except OSError as error:
                raise (_full(path) if error.errno in FULL else unwritable(path, error)) from error
            received += len(block)
    if not received:
        raise InputError(
            "Nothing came from standard input.",
            "Look at what the program before the pipe says; it needs a container, as in ffmpeg ... -f matroska -.",
        )
    os.utime(path, (0, 0))


def _next_block(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, CHUNK)
    except OSError as error:
        raise InputError(f"Standard input can't be read: {error.strerror}.", "Pipe a film into it.") from error


def _check_room(path: Path, needed: int) -> None:
    if shutil.disk_usage(path.parent).free - needed < LEAST_FREE:
        raise _full(path)


def _full(path: Path) -> OutputError:
    folder = path.parent.parent
    free = size_text(shutil.disk_usage(folder).free)
    return OutputError(
        f"The disk is full: the film from standard input does not fit into {folder}, which has {free} free.",
        LARGER_DISK,
    )


def check_reader(descriptor: int) -> None:
    """Check that somebody still reads a pipe to which a film will be written.

    Raises:
        OutputError: if the reader is gone.
    """
    if not has_reader(descriptor):
        raise _nobody_reads()


def send(path: Path, descriptor: int) -> None:
    """Write a finished film to a pipe.

    Raises:
        OutputError: if the reader is gone, or the disk is full to which standard output goes.
    """
    try:
        with path.open("rb") as file:
            while block := file.read(CHUNK):
                left = memoryview(block)
                while left:
                    left = left[os.write(descriptor, left) :]
    except BrokenPipeError:
        raise _nobody_reads() from None
    except OSError as error:
        raise OutputError(
            f"The film can't be written to standard output: {error.strerror}.", "Give the output a name."
        ) from error


def _nobody_reads() -> OutputError:
    return OutputError(
        "The program that read standard output has ended before it had the whole film.",
        "Look at what it says, or give the output a name.",
    )

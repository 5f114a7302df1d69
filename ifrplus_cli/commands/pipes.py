"""``-`` as IN and OUT: standard input and output stand for files."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Literal, TypeVar

from ifrplus_cli.errors import InputError, OutputError
from ifrplus_cli.pipeline.pipes import STDIN, STDOUT, check_reader, is_pipe, receive, send, temporary_folder

Value = TypeVar("Value")
PipeContainer = Literal["matroska", "nut"]
SUFFIXES = {"matroska": ".mkv", "nut": ".nut"}


@contextmanager
def received(source: Path, output: Path, step: Callable[[str], None]) -> Iterator[Path]:
    """Return the file that holds a source within the ``with`` block: what came from standard input, or its own.

    Args:
        output: decides on which disk a film from standard input is kept.
        step: receives a sentence about the current step.

    Raises:
        InputError: if nothing comes from standard input, or it is a terminal.
        OutputError: if the disk is full.
    """
    if not is_pipe(source):
        yield source
        return
    if sys.stdin.isatty():
        raise InputError(
            "Standard input is a terminal, not a film.", "Pipe a film into it: ffmpeg ... -f matroska - | ifrplus ..."
        )
    with temporary_folder(output) as folder:
        step("Reading the film from standard input.")
        receive(STDIN, folder / "stdin")
        yield folder / "stdin"


@contextmanager
def sent(output: Path, container: PipeContainer, *, writes: bool) -> Iterator[Path]:
    """Return the file in which a film is made; the film goes to standard output at the end of the ``with`` block.

    Args:
        output: the output; if it is not standard output, it is the file.
        container: container of the film in the pipe.
        writes: whether a film will be written.

    Raises:
        OutputError: if standard output is a terminal, or its reader has ended.
    """
    if not is_pipe(output):
        yield output
        return
    if writes and sys.stdout.isatty():
        raise OutputError(
            "A film can't be written to a terminal.", "Pipe it on: ifrplus upsample IN - | mpv -, or give OUT a name."
        )
    with ExitStack() as stack:
        file = stack.enter_context(temporary_folder(output)) / f"stdout{SUFFIXES[container]}"
        if writes:
            check_reader(STDOUT)
        yield file
        if writes:
            send(file, STDOUT)


def minding_the_reader(advance: Callable[[Value], None]) -> Callable[[Value], None]:
    """Return ``advance`` with a check that somebody still reads standard output."""

    def advance_if_read(progress: Value) -> None:
        check_reader(STDOUT)
        advance(progress)

    return advance_if_read


def name_of(output: Path) -> str:
    """Return how a person calls an output."""
    return "standard output" if is_pipe(output) else str(output)

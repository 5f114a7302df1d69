"""Query ffprobe about one file, and turn its failures into sentences."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from ifrplus_cli.errors import InputError, MediaToolError
from ifrplus_cli.values import Piece
from ifrplus_cli.video.ffmpeg import INSTALL_HINT, SOURCE_LIMITS, StderrDrain, find_tool, last_line, source_url
from ifrplus_cli.video.images import KINDS
from ifrplus_cli.video.pieces import source_arguments

REFUSED = b"Format not on whitelist"


def ask_ffprobe(
    path: Path, limits: Mapping[str, str] = SOURCE_LIMITS, *, pieces: Sequence[Piece] = (), **options: str | None
) -> dict[str, Any]:
    """Return ffprobe's answer about a file, with format and streams unless ``options`` ask for something else.

    Args:
        path: the file.
        limits: what ffprobe may open and try.
        pieces: spans of the file that are read one behind the other in place of the whole file.
        options: ffprobe's options by their names; None for a flag.

    Raises:
        InputError: if the file is not a film, or can't be read as one.
        MediaToolError: if ffprobe is missing or does not work.
    """
    program = find_tool("ffprobe")
    url, limits = source_arguments(path, pieces) if pieces else (source_url(path), limits)
    command = _command(program, url, {"show_format": None, "show_streams": None, "of": "json", **limits, **options})
    try:
        # ffmpeg-python's own call would leave ffprobe running if this program is interrupted.
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    except OSError as error:
        raise _broken_program(program, error.strerror) from error
    if done.returncode != 0:
        raise _refusal(path, done.stderr)
    try:
        found: dict[str, Any] = json.loads(done.stdout)
    except ValueError as error:
        raise _broken_program(program, "its answer makes no sense") from error
    return found


def read_packets(
    path: Path, stream_index: int | None, entries: str, *, pieces: Sequence[Piece] = (), **options: str
) -> Iterator[dict[str, str]]:
    """Yield the properties of each packet of a stream, one by one: a long film has too many for one answer.

    Args:
        path: the file.
        stream_index: ffprobe's number of the stream; None for all streams, in the order of the file.
        entries: ffprobe's names of the properties, separated by commas.
        pieces: spans of the file that are read one behind the other in place of the whole file.
        options: further options of ffprobe.

    Raises:
        InputError: if the file can't be read.
        MediaToolError: if ffprobe is missing or does not work.
    """
    program = find_tool("ffprobe")
    selected = {} if stream_index is None else {"select_streams": str(stream_index)}
    shown = {**selected, "show_entries": f"packet={entries}", "of": "compact=p=0"}
    url, limits = source_arguments(path, pieces)
    command = _command(program, url, {**limits, **shown, **options})
    try:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    except OSError as error:
        raise _broken_program(program, error.strerror) from error
    assert process.stdout and process.stderr
    talk = StderrDrain(process.stderr)
    try:
        for line in filter(bytes.strip, process.stdout):
            fields = (field.partition("=") for field in line.decode().strip().split("|") if "=" in field)
            yield {name: value for name, _, value in fields if value != "N/A"}
        failed = process.wait() != 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        talk.join()
    if failed:
        raise _unreadable(path, last_line(talk.reason(process.returncode), path))


def _command(program: str, url: str, options: Mapping[str, str | None]) -> list[str]:
    """Build the command; an option without a value is a flag."""
    words = ((f"-{name}",) if value is None else (f"-{name}", value) for name, value in options.items())
    return [program, "-v", "error", *chain.from_iterable(words), url]


def _refusal(path: Path, stderr: bytes) -> InputError:
    if REFUSED in stderr and path.suffix.lower() in KINDS:
        return one_image(path)
    if REFUSED in stderr:
        return InputError(f"{path.name} is not a film.", "Give a video file such as .mp4, .mov, .mkv or .webm.")
    return _unreadable(path, last_line(stderr, path))


def _broken_program(program: str, reason: str | None) -> MediaToolError:
    return MediaToolError(
        f"The program {program} does not work: {reason}.", INSTALL_HINT.format(variable="IFRPLUS_FFPROBE")
    )


def _unreadable(path: Path, reason: str) -> InputError:
    return InputError(
        f"{path.name} can't be read as a film: {reason}.", "The file may be damaged, cut short, or not a video at all."
    )


def one_image(path: Path) -> InputError:
    """Return the error for a single image where a film is required."""
    return InputError(
        f"{path.name} is one image.", f"Give its folder, or a pattern such as '{path.parent}/*{path.suffix}'."
    )

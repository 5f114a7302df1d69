"""Query ffprobe about one file, and turn its failures into sentences."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from ifrplus_cli.errors import InputError, MediaToolError
from ifrplus_cli.values import Piece
from ifrplus_cli.video.ffmpeg import INSTALL_HINT, SOURCE_LIMITS, StderrDrain, find_tool, last_line, source_url
from ifrplus_cli.video.formats.images import KINDS
from ifrplus_cli.video.pieces import source_arguments

REFUSED = "Format not on whitelist"
HEADER = {"show_format": None, "show_streams": None}


class _Messages(StderrDrain):
    """Notices a file that may not be opened."""

    refused = False

    def consume(self, line: str) -> bool:
        self.refused = self.refused or REFUSED in line
        return False


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
    command = _command(program, url, {**HEADER, "of": "json", **limits, **options})
    try:
        # ffmpeg-python's own call would leave ffprobe running if this program is interrupted.
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    except OSError as error:
        raise _broken_program(program, error.strerror) from error
    if done.returncode != 0:
        raise _refusal(path, last_line(done.stderr, path), refused=REFUSED.encode() in done.stderr)
    return _answer(program, done.stdout)


def ask_with_packets(
    path: Path, entries: str, take: Callable[[dict[str, Any]], None], *, pieces: Sequence[Piece] = ()
) -> dict[str, Any]:
    """Return ffprobe's answer about a file, with format, streams and chapters, and read all packets on the way.

    Args:
        path: the file.
        entries: ffprobe's names of properties of packets, separated by commas, beside the index of the stream.
        take: receives the properties of each packet, in the order of the file.
        pieces: spans of the file that are read one behind the other in place of the whole file.

    Raises:
        InputError: if the file is not a film, or can't be read as one.
        MediaToolError: if ffprobe is missing or does not work.
    """
    program = find_tool("ffprobe")
    url, limits = source_arguments(path, pieces)
    shown = {"show_entries": f"packet=stream_index,{entries}", **HEADER, "show_chapters": None, "of": "json=compact=1"}
    lines = _lines(path, _command(program, url, {**limits, **shown}))
    for line in lines:  # each packet on its own, and the rest behind the end of their list
        if line.strip() == b"],":
            break
        if line.lstrip().startswith(b'{ "stream_index"') and line.endswith(b"\n"):
            take(json.loads(line.rstrip(b" ,}\r\n") + b"}"))  # its side data, if any, are on further lines
    return _answer(program, b"{" + b"".join(lines))


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
    for line in filter(bytes.strip, _lines(path, _command(program, url, {**limits, **shown, **options}))):
        fields = (field.partition("=") for field in line.decode().strip().split("|") if "=" in field)
        yield {name: value for name, _, value in fields if value != "N/A"}


def _lines(path: Path, command: Sequence[str]) -> Iterator[bytes]:
    """Yield the lines that ffprobe tells of a file."""
    try:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    except OSError as error:
        raise _broken_program(command[0], error.strerror) from error
    assert process.stdout and process.stderr
    talk = _Messages(process.stderr)
    try:
        yield from process.stdout
        failed = process.wait() != 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        talk.join()
    if failed:
        raise _refusal(path, last_line(talk.reason(process.returncode), path), refused=talk.refused)


def _answer(program: str, text: bytes) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(text)
    except ValueError as error:
        raise _broken_program(program, "its answer makes no sense") from error
    return found


def _command(program: str, url: str, options: Mapping[str, str | None]) -> list[str]:
    """Build the command; an option without a value is a flag."""
    words = ((f"-{name}",) if value is None else (f"-{name}", value) for name, value in options.items())
    return [program, "-v", "error", *chain.from_iterable(words), url]


def _refusal(path: Path, reason: str, *, refused: bool) -> InputError:
    if refused and path.suffix.lower() in KINDS:
        return one_image(path)
    if refused:
        return InputError(f"{path.name} is not a film.", "Give a video file such as .mp4, .mov, .mkv or .webm.")
    return InputError(
        f"{path.name} can't be read as a film: {reason}.", "The file may be damaged, cut short, or not a video at all."
    )


def _broken_program(program: str, reason: str | None) -> MediaToolError:
    return MediaToolError(
        f"The program {program} does not work: {reason}.", INSTALL_HINT.format(variable="IFRPLUS_FFPROBE")
    )


def one_image(path: Path) -> InputError:
    """Return the error for a single image where a film is required."""
    return InputError(
        f"{path.name} is one image.", f"Give its folder, or a pattern such as '{path.parent}/*{path.suffix}'."
    )

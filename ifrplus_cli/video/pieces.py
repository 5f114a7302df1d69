"""Open a film in ffmpeg and ffprobe: the file as it is, or its pieces, one after the other on one clock."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import ffmpeg

from ifrplus_cli.values import ClipInfo, Piece
from ifrplus_cli.video.ffmpeg import SOURCE_LIMITS, source_url

# The script is part of the command line, and each of its pieces is a span of bytes of the one file that it names.
PIECES_LIMITS = {
    "f": "concat",
    "safe": "0",
    "protocol_whitelist": "data,subfile,file",
    "format_whitelist": "concat,mpegts,mpeg",
}


def open_source(clip: ClipInfo, **options: object) -> Any:
    """Return the film as an input of ffmpeg-python; ``options`` are ffmpeg's for the input."""
    url, limits = source_arguments(clip.path, clip.pieces)
    return ffmpeg.input(url, **limits, **options)


def source_arguments(path: Path, pieces: Sequence[Piece]) -> tuple[str, Mapping[str, str]]:
    """Return the URL by which a file is opened, and the options that keep ffmpeg from opening anything else."""
    return (pieces_url(path, pieces), PIECES_LIMITS) if pieces else (source_url(path), SOURCE_LIMITS)


def pieces_url(path: Path, pieces: Sequence[Piece]) -> str:
    """Return a URL that contains a concat script of the pieces."""
    name = source_url(path).replace("'", "'\\''")
    lines = ["ffconcat version 1.0"]
    for piece in pieces:
        lines.append(f"file 'subfile,,start,{piece.begin},end,{piece.end},,:{name}'")
        lines.append(f"duration {float(piece.length):.6f}")
    return f"data:text/plain;base64,{base64.b64encode(chr(10).join([*lines, '']).encode()).decode()}"

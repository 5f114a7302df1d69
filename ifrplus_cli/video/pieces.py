"""How ffmpeg and ffprobe open a film: the file as it is, or pieces of it, one behind the other on one clock."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import ffmpeg

from ifrplus_cli.values import ClipInfo, Piece
from ifrplus_cli.video.ffmpeg import SOURCE_LIMITS, source_url

# The script comes on the command line, and each piece is a span of bytes of the one file that it names.
PIECES_LIMITS = {
    "f": "concat",
    "safe": "0",
    "protocol_whitelist": "data,subfile,file",
    "format_whitelist": "concat,mpegts,mpeg",
}


def open_source(clip: ClipInfo, **options: object) -> Any:
    """The film as an input of ffmpeg's."""
    url, limits = source_arguments(clip.path, clip.pieces)
    return ffmpeg.input(url, **limits, **options)


def source_arguments(path: Path, pieces: Sequence[Piece]) -> tuple[str, Mapping[str, str]]:
    """What a file is opened by, and the options that keep ffmpeg from opening anything else."""
    return (pieces_url(path, pieces), PIECES_LIMITS) if pieces else (source_url(path), SOURCE_LIMITS)


def pieces_url(path: Path, pieces: Sequence[Piece]) -> str:
    """A concat script of the pieces, as an address that holds it."""
    name = source_url(path).replace("'", "'\\''")
    lines = ["ffconcat version 1.0"]
    for piece in pieces:
        lines.append(f"file 'subfile,,start,{piece.begin},end,{piece.end},,:{name}'")
        lines.append(f"duration {float(piece.length):.6f}")
    return f"data:text/plain;base64,{base64.b64encode(chr(10).join([*lines, '']).encode()).decode()}"

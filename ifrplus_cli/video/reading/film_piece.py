"""Cut the picture out of a film from a key frame on, without encoding it again, to be decoded on another machine."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import ffmpeg

from ifrplus_cli.errors import InputError
from ifrplus_cli.values import ClipInfo
from ifrplus_cli.video.ffmpeg import find_tool, last_line
from ifrplus_cli.video.pieces import open_source
from ifrplus_cli.video.reading.decode import seek_options
from ifrplus_cli.video.reading.sources import FileSource

SPARE = 1  # seconds that are cut out beyond the last frame, because packets are not in the order of their frames


def can_be_cut(clip: ClipInfo) -> bool:
    """Return whether pieces of the film can be decoded like the film: it is one file with a clock of its own."""
    return clip.source.has_streams and not clip.pieces


def cut_piece(clip: ClipInfo, path: Path, until: Fraction | None) -> None:
    """Write the picture's packets from the key frame before a clip's section, with their times, to a NUT file.

    NUT holds every codec, and any time base exactly.

    Args:
        until: time of the last frame that is needed, in seconds; None for the film's last one.

    Raises:
        InputError: if ffmpeg can't do so.
    """
    source = open_source(clip, copyts=None, nostdin=None, **seek_options(clip))
    end = {} if until is None else {"to": f"{float(until + SPARE):.6f}"}
    stream = ffmpeg.output(
        source[str(clip.stream_index)],
        f"file:{path.absolute()}",
        format="nut",
        c="copy",
        avoid_negative_ts="disabled",
        **end,
    )
    command = ffmpeg.compile(stream.global_args("-y", "-loglevel", "error"), cmd=find_tool("ffmpeg"))
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if done.returncode != 0:
        raise InputError(
            f"{clip.path.name} can't be cut into pieces: {last_line(done.stderr, clip.path)}.",
            "Leave out --ship, and give all workers the file under the same path.",
        )


def piece_of(clip: ClipInfo, path: Path) -> ClipInfo:
    """Return a clip that is decoded from a piece that was cut out for it."""
    section = None if clip.section is None else replace(clip.section, piece=True)
    return replace(clip, path=path, source=FileSource(path), stream_index=0, section=section)

"""Raise a film's frame rate with ffmpeg's own filter, to compare with."""

from __future__ import annotations

import subprocess
from fractions import Fraction
from pathlib import Path

import ffmpeg

from ifrplus_cli.errors import MediaToolError
from ifrplus_cli.video.ffmpeg import SOURCE_LIMITS, find_tool, last_line, source_url
from ifrplus_cli.video.writing.encoders import DEFAULT_CRF

CODEC = "libx264"
BEST = {"mi_mode": "mci", "mc_mode": "aobmc", "me_mode": "bidir", "vsbmc": 1}  # its best pictures


def minterpolate(film: Path, target: Path, rate: Fraction, preset: str) -> None:
    """Write ``film`` at another frame rate, in H.264 of the quality that ``upsample`` has by default.

    Args:
        preset: of the encoder.

    Raises:
        MediaToolError: if ffmpeg is missing or fails.
    """
    frames = ffmpeg.input(source_url(film), **SOURCE_LIMITS).video.filter("minterpolate", fps=str(rate), **BEST)
    stream = ffmpeg.output(frames, source_url(target), vcodec=CODEC, preset=preset, crf=DEFAULT_CRF[CODEC])
    command = ffmpeg.compile(stream.global_args("-hide_banner", "-loglevel", "error", "-y"), cmd=find_tool("ffmpeg"))
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if done.returncode:
        raise MediaToolError(
            f"ffmpeg's minterpolate failed: {last_line(done.stderr, film)}.", "Leave --beside minterpolate out."
        )

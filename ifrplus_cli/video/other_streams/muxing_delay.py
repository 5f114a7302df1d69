"""Measure how much too early ffmpeg's Matroska muxer stores sound whose codec has a delay.

Matroska's times of such sound count from before the delay, ffmpeg's own from after it. Versions of ffmpeg differ in
whether their muxer adds what their demuxer subtracts, so each pass through ffmpeg may move the sound: a trial shows it.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import ffmpeg

from ifrplus_cli.values import ClipInfo
from ifrplus_cli.video.ffmpeg import find_tool
from ifrplus_cli.video.ffprobe import read_packets
from ifrplus_cli.video.formats.containers import MILLISECOND, Container
from ifrplus_cli.video.other_streams.stream_mapping import Carried
from ifrplus_cli.video.packets import packet_spans
from ifrplus_cli.video.pieces import open_source

OPUS_ENCODER = "libopus"
LATE = 10  # seconds added to all times of the trial, so that none is negative
FEW_PACKETS = 4
MOST = Fraction(1, 5)  # seconds: no codec's delay is longer
ROUNDING = Fraction(3, 2) * MILLISECOND


def with_muxing_delays(clip: ClipInfo, container: Container, carried: Sequence[Carried]) -> tuple[Carried, ...]:
    """Return the streams with the delays with which the muxer must receive them to store them at their times."""
    if not container.counts_codec_delay:
        return tuple(carried)
    return tuple(replace(c, delay=_delay(clip, container, c)) if c.stream.kind == "audio" else c for c in carried)


def _delay(clip: ClipInfo, container: Container, carried: Carried) -> Fraction:
    if carried.codec == OPUS_ENCODER:
        return _delay_of_encoder(container.muxer, carried.stream.sample_rate)
    if carried.codec != "copy":
        return Fraction(0)
    span = next(packet_spans(clip, carried.stream.index), None)
    if span is None:
        return Fraction(0)
    source = open_source(clip)
    stored = _stored_start(source[str(carried.stream.index)], container.muxer, "copy")
    return _plausible(span[0] + LATE - stored) if stored is not None else Fraction(0)


@cache
def _delay_of_encoder(muxer: str, rate: int) -> Fraction:
    """Return the delay for Opus that ffmpeg encodes, from a trial with silence of ``rate`` samples a second."""
    silence = ffmpeg.input(f"anullsrc=r={rate}:cl=mono", format="lavfi", t="0.2")
    before = _stored_start(silence, "nut", OPUS_ENCODER)
    stored = _stored_start(silence, muxer, OPUS_ENCODER)
    return Fraction(0) if before is None or stored is None else _plausible(before - stored)


def _stored_start(stream: Any, muxer: str, codec: str) -> Fraction | None:
    """Return the time of the first packet in a file that stores the stream ``LATE`` seconds later; None on failure."""
    with tempfile.TemporaryDirectory(prefix="ifrplus-") as folder:
        path = Path(folder) / "sound"
        options = {"c": codec, "frames:a": FEW_PACKETS, "output_ts_offset": LATE}
        trial = ffmpeg.output(stream, f"file:{path}", format=muxer, **options)
        command = ffmpeg.compile(
            trial.global_args("-nostdin", "-copyts", "-loglevel", "quiet"), cmd=find_tool("ffmpeg")
        )
        done = subprocess.run(command, stdin=subprocess.DEVNULL, check=False)
        return _first_packet(path) if done.returncode == 0 and path.stat().st_size else None


def _first_packet(path: Path) -> Fraction | None:
    packets = read_packets(path, 0, "pts_time")
    return next((Fraction(packet["pts_time"]) for packet in packets if "pts_time" in packet), None)


def _plausible(delay: Fraction) -> Fraction:
    return delay if ROUNDING < delay < MOST else Fraction(0)

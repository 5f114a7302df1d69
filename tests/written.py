"""Films that tests write with the encoder alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from clips import probe_once

from ifrplus_cli.values import Frame, Timing
from ifrplus_cli.video.reading.decode import decode
from ifrplus_cli.video.writing.encode import VideoEncoder
from ifrplus_cli.video.writing.encode_plan import EncodePlan, plan_encode
from ifrplus_cli.video.writing.encoders import EncodeOptions
from ifrplus_cli.video.writing.targets import target_of

LOSSLESS = EncodeOptions("libx264", crf=0, preset="ultrafast")
MILLISECOND = Fraction(1, 1000)


def plan(source: Path, output: Path, options: EncodeOptions = LOSSLESS, rate: Fraction | None = None) -> EncodePlan:
    clip = probe_once(source)
    rate = rate or clip.rate
    return plan_encode(
        clip, target_of(output), options, Timing(Fraction(1, 90_000), rate, clip.last_duration * clip.rate / rate)
    )


def frames_at(source: Path, times: Sequence[Fraction] | None = None) -> list[Frame]:
    """The frames of a film, moved to other times; the film repeats as often as there are times."""
    with decode(probe_once(source)) as decoder:
        frames = list(decoder)
    if times is None:
        return frames
    return [replace(frames[number % len(frames)], pts=pts) for number, pts in enumerate(times)]


def write(made: EncodePlan, output: Path, frames: Sequence[Frame]) -> Path:
    with VideoEncoder(made, output) as encoder:
        for frame in frames:
            encoder.write(frame)
        encoder.finish()
    return output

"""ffmpeg reads the stream from a pipe with exactly the times, sizes and samples that were written."""

from __future__ import annotations

import json
import subprocess
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from clips import FFMPEG, FFPROBE

from ifrplus_cli.pixel_formats import PIXEL_FORMATS, PixelFormat
from ifrplus_cli.video.formats.raw_matroska import PACKED_ALPHA, frame_header, raw_planes, stream_header

NANOSECOND = Fraction(1, 10**9)


def random_frames(pixel_format: PixelFormat, width: int, height: int, count: int) -> list[bytes]:
    samples = pixel_format.frame_bytes(width, height) // np.dtype(pixel_format.dtype).itemsize
    random = np.random.default_rng(1)
    highest = 2**pixel_format.depth
    return [random.integers(0, highest, samples, pixel_format.dtype).tobytes() for _ in range(count)]


def stream_of(
    pixel_format: PixelFormat, size: tuple[int, int], times: list[Fraction], frames: list[bytes], rate: Fraction
) -> bytes:
    parts = [stream_header(pixel_format, *size, rate)]
    for pts, frame in zip(times, frames, strict=True):
        parts += [frame_header(pts, len(frame)), frame]
    return b"".join(parts)


def probe_pipe(stream: bytes) -> dict[str, Any]:
    command = [FFPROBE, "-v", "error", "-f", "matroska", "-of", "json", "-show_streams", "-show_packets", "pipe:0"]
    found: dict[str, Any] = json.loads(subprocess.run(command, input=stream, capture_output=True, check=True).stdout)
    return found


@pytest.mark.parametrize("name", sorted(PIXEL_FORMATS))
def test_every_format_arrives_sample_for_sample(name: str) -> None:
    pixel_format, size = PIXEL_FORMATS[name], (17, 11)
    told = "rgba" if name == PACKED_ALPHA else name
    frames = random_frames(pixel_format, *size, 3)
    stream = stream_of(pixel_format, size, [Fraction(n, 25) for n in range(3)], frames, Fraction(25))
    decode = [FFMPEG, "-v", "error", "-f", "matroska", "-i", "pipe:0", "-f", "rawvideo", "-pix_fmt", told, "pipe:1"]
    assert subprocess.run(decode, input=stream, capture_output=True, check=True).stdout == b"".join(frames)
    assert probe_pipe(stream)["streams"][0]["pix_fmt"] == told


def test_alpha_of_8_bit_goes_packed() -> None:
    green, blue, red, alpha = (np.full((2, 3), code, np.uint8) for code in (1, 2, 3, 4))
    (packed,) = raw_planes((green, blue, red, alpha), PIXEL_FORMATS[PACKED_ALPHA])
    assert packed.tobytes() == bytes([3, 1, 2, 4] * 6)


def test_irregular_times_are_kept_to_the_nanosecond() -> None:
    times = [Fraction(0), Fraction(1001, 30000), Fraction(1, 24), Fraction(7, 3), Fraction(3600) + Fraction(1, 3)]
    frames = random_frames(PIXEL_FORMATS["gray"], 8, 8, len(times))
    found = probe_pipe(stream_of(PIXEL_FORMATS["gray"], (8, 8), times, frames, Fraction(30)))
    base = Fraction(found["streams"][0]["time_base"])
    read = [packet["pts"] * base for packet in found["packets"]]
    assert all(abs(pts - wanted) <= NANOSECOND / 2 for pts, wanted in zip(read, times, strict=True))


def test_size_and_nominal_rate_are_stated() -> None:
    frames = random_frames(PIXEL_FORMATS["yuv420p"], 33, 21, 3)
    times = [n * Fraction(1001, 60000) for n in range(3)]
    found = probe_pipe(stream_of(PIXEL_FORMATS["yuv420p"], (33, 21), times, frames, Fraction(60000, 1001)))
    stream = found["streams"][0]
    assert (stream["width"], stream["height"]) == (33, 21)
    assert abs(Fraction(stream["avg_frame_rate"]) - Fraction(60000, 1001)) < Fraction(1, 100)

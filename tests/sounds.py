"""A film with sound, subtitles and chapters at known moments, and functions that find its sounds again."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
from clips import FFMPEG, ffmpeg, make_clip, once

RATE = 48_000
# A tone of 30 ms at the beginning of each second.
CLICKS = ("-f", "lavfi", "-i", f"aevalsrc='0.5*sin(2*PI*1000*t)*lt(mod(t,1),0.03)':s={RATE}")
WORDS = """1
00:00:00,500 --> 00:00:01,500
first

2
00:00:01,800 --> 00:00:02,600
second
"""
CHAPTERS = """;FFMETADATA1
[CHAPTER]
TIMEBASE=1/1000
START=0
END=1500
title=One\\; a\\=b
[CHAPTER]
TIMEBASE=1/1000
START=1500
END=3000
title=Two
"""


def make_talking(folder: Path) -> Path:
    """Three seconds at 25 frames per second with clicks, two subtitles and two chapters."""
    (folder / "words.srt").write_text(WORDS)
    (folder / "chapters.txt").write_text(CHAPTERS)
    picture = make_clip(folder / "picture.mp4", frames=75, codec="libx264", output=("-bf", 2, "-g", 50))
    inputs = ("-i", picture, *CLICKS, "-i", folder / "words.srt", "-i", folder / "chapters.txt")
    maps = ("-map", 0, "-map", 1, "-map", 2, "-map_metadata", 3, "-c", "copy", "-c:a", "aac", "-c:s", "mov_text")
    ffmpeg(*inputs, *maps, "-t", 3, folder / "talking.mp4")
    return folder / "talking.mp4"


@once
def sound(path: Path) -> np.ndarray:
    """The first sound as one channel of ``RATE``, silence from zero on to its start."""
    command = [FFMPEG, "-v", "error", "-nostdin", "-i", str(path), "-map", "0:a:0", "-ac", "1"]
    command += ["-af", f"aresample={RATE}:async=1:first_pts=0", "-f", "f32le", "-"]
    return np.frombuffer(subprocess.run(command, capture_output=True, check=True).stdout, np.float32)


def clicks(path: Path) -> list[float]:
    """When clicks begin, in milliseconds."""
    loud = np.flatnonzero(np.abs(sound(path)) > 0.2)
    begins = [place for before, place in zip([-RATE, *loud], loud, strict=False) if place - before > RATE // 10]
    return [float(place) / RATE * 1000 for place in begins]


def middle(path: Path, near: float) -> float:
    """The centre in seconds of the energy within 0.4 seconds of a moment."""
    begin = round((near - 0.4) * RATE)
    power = sound(path)[begin : round((near + 0.4) * RATE)].astype(np.float64) ** 2
    return float((begin + (np.arange(len(power)) * power).sum() / power.sum()) / RATE)

"""What a finished film is, seen without any of the program under test: frames, times, sound, streams, metadata."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

MILLISECOND = 0.001
ROUNDING = 0.0015  # seconds
BLOCK = 0.05  # seconds of sound whose energy is compared
AUDIBLE = 0.02  # of full scale
LOUD = 0.3  # of the loudest block: what is quieter may differ
FRAME_HEARD = re.compile(r"ashowinfo.* pts_time:(\S+) .* nb_samples:(\d+) ")

Samples = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Sound:
    """A stream of sound as it is heard.

    Attributes:
        samples: one channel, from the first frame of the picture on.
        rate: samples a second.
        begin: first decoded moment, in seconds from the first frame of the picture.
        onset, end: first and last audible one, None for silence.
        gaps, overlaps: seconds between decoded frames that nothing fills, or that two of them fill.
    """

    samples: Samples
    rate: int
    begin: float
    onset: float | None
    end: float | None
    gaps: float
    overlaps: float

    def energies(self) -> Samples:
        """Root mean square of each block."""
        block = round(BLOCK * self.rate)
        whole = self.samples[: len(self.samples) // block * block].reshape(-1, block)
        return np.sqrt((whole.astype(np.float64) ** 2).mean(axis=1)).astype(np.float32)


class Film:
    """A file, asked by ffprobe and decoded by ffmpeg; each answer is read once."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @cached_property
    def facts(self) -> dict[str, Any]:
        """Format, streams and chapters."""
        return _probed(self.path, "-show_format", "-show_streams", "-show_chapters")

    @property
    def streams(self) -> list[dict[str, Any]]:
        """Streams as ffprobe lists them."""
        found: list[dict[str, Any]] = self.facts["streams"]
        return found

    def of_kind(self, kind: str) -> list[dict[str, Any]]:
        """Those of one kind."""
        return [stream for stream in self.streams if stream.get("codec_type") == kind]

    @property
    def picture(self) -> dict[str, Any]:
        """The first stream of pictures."""
        return self.of_kind("video")[0]

    @property
    def tags(self) -> dict[str, str]:
        """The tags of the file, by names in small letters."""
        return {name.lower(): value for name, value in self.facts["format"].get("tags", {}).items()}

    @cached_property
    def times(self) -> list[Fraction]:
        """When each frame is shown, in seconds from the first one."""
        found = _probed(self.path, "-select_streams", "v:0", "-show_entries", "packet=pts,flags")
        ticks = sorted(int(p["pts"]) for p in found["packets"] if "pts" in p and "D" not in p.get("flags", ""))
        return [(tick - ticks[0]) * Fraction(self.picture["time_base"]) for tick in ticks]

    @cached_property
    def picture_start(self) -> float:
        """When the first frame is shown, by the file's own clock."""
        found = _probed(self.path, "-select_streams", "v:0", "-show_entries", "packet=pts_time,flags")
        return min(float(p["pts_time"]) for p in found["packets"] if "pts_time" in p and "D" not in p.get("flags", ""))

    def frame_data(self) -> set[str]:
        """Kinds of side data of the first frames of the picture."""
        found = _probed(self.path, "-select_streams", "v:0", "-show_frames", "-read_intervals", "%+#5")
        data = (side for frame in found.get("frames", []) for side in frame.get("side_data_list", []))
        return {side["side_data_type"] for side in data}

    def pictures(self, pix_fmt: str = "gray", decoder: str | None = None) -> npt.NDArray[np.int16]:
        """All frames of the first stream, N x H x W x channels, as they are stored."""
        channels = {"gray": 1, "rgb24": 3, "rgba": 4}[pix_fmt]
        named = [] if decoder is None else ["-c:v", decoder]
        shape = -1, self.picture["height"], self.picture["width"], channels
        options = ("-map", "0:v:0", "-fps_mode", "passthrough", "-pix_fmt", pix_fmt, "-f", "rawvideo", "-")
        raw = _ffmpeg("-noautorotate", *named, "-i", f"file:{self.path}", *options).stdout
        return np.frombuffer(raw, np.uint8).reshape(shape).astype(np.int16)

    def sound(self, number: int = 0) -> Sound:
        """The sound of a stream, each decoded frame at its time."""
        rate = int(self.of_kind("audio")[number]["sample_rate"])
        options = ("-map", f"0:a:{number}", "-af", "ashowinfo", "-ac", "1", "-f", "f32le", "-")
        done = _ffmpeg("-copyts", "-i", f"file:{self.path}", *options, level="info")
        frames = [(float(t), int(n)) for t, n in FRAME_HEARD.findall(done.stderr.decode(errors="replace"))]
        return _placed(np.frombuffer(done.stdout, np.float32), frames, rate, self.picture_start)


def _placed(decoded: Samples, frames: list[tuple[float, int]], rate: int, zero: float) -> Sound:
    """Samples of decoded frames (time in seconds, samples) on a clock that begins at ``zero``."""
    places = list(_joined(frames, rate, zero))
    length = max([place + count for place, (_, count) in zip(places, frames, strict=True)], default=0)
    heard, filled, taken = np.zeros(max(length, 0), np.float32), np.zeros(max(length, 0), np.int8), 0
    for place, (_, count) in zip(places, frames, strict=True):
        early = min(max(-place, 0), count)
        part = decoded[taken + early : taken + count]
        heard[place + early : place + count] = part
        filled[place + early : place + count] += 1
        taken += count
    loud = np.flatnonzero(np.abs(heard) > AUDIBLE)
    first = max(min(places, default=0), 0)
    return Sound(
        heard,
        rate,
        min(places, default=0) / rate,
        float(loud[0]) / rate if len(loud) else None,
        float(loud[-1]) / rate if len(loud) else None,
        float((filled[first:] == 0).sum()) / rate,
        float((filled > 1).sum()) / rate,
    )


def _joined(frames: list[tuple[float, int]], rate: int, zero: float) -> Iterator[int]:
    """Where each frame begins, in samples: times are rounded, so that what nearly meets its forerunner meets it."""
    end: int | None = None
    for time, count in frames:
        place = round((time - zero) * rate)
        if end is not None and abs(place - end) <= ROUNDING * rate:
            place = end
        yield place
        end = place + count


def same_sound(source: Film, output: Film, number: int = 0, out_number: int | None = None) -> tuple[bool, str]:
    """Whether two films sound alike: onset and end to 1 ms (a block where it is encoded again), energy, no new hole."""
    before, after = source.sound(number), output.sound(number if out_number is None else out_number)
    if before.onset is None or after.onset is None or before.end is None or after.end is None:
        late = after.begin - before.begin
        return before.onset == after.onset and abs(late) <= MILLISECOND, f"silence that begins {late * 1000:+.1f} ms"
    late, longer = after.onset - before.onset, after.end - before.end
    one, other = before.energies(), after.energies()
    shared = min(len(one), len(other))
    clear = one[:shared] > LOUD * one.max()
    quieter = float(np.abs(other[:shared] / np.maximum(one[:shared], 1e-6) - 1)[clear].max(initial=0))
    holes = max(after.gaps - before.gaps, 0) + max(after.overlaps - before.overlaps, 0)
    told = f"onset {late * 1000:+.1f} ms, end {longer * 1000:+.1f} ms, energy within {quieter:.0%}, holes {holes:.3f} s"
    return abs(late) <= MILLISECOND and abs(longer) <= BLOCK and quieter < 0.25 and holes < 0.005, told


def _probed(path: Path, *options: str) -> dict[str, Any]:
    command = ["ffprobe", "-v", "error", "-of", "json", *options, f"file:{path}"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _ffmpeg(*arguments: str, level: str = "error") -> subprocess.CompletedProcess[bytes]:
    command = ["ffmpeg", "-hide_banner", "-nostdin", "-v", level, *arguments]
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=True)

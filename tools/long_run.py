"""Upsample a small clip of very many frames; check that memory stays flat, and times and sound exact to the end.

    PYTHONPATH=. python tools/long_run.py [--frames 50000] [--network | --cluster local:2]

ffmpeg makes the clip: 64x48, 25 frames per second, every frame different, stored without loss, with sound. A blend
stands in for the network unless ``--network`` or ``--cluster`` is given. While the program runs, its memory is sampled
together with the number of finished segments. Afterwards ffprobe and ffmpeg alone check the result: the number and the
times of all frames, that every second one is a source frame, bit for bit, and the distance of the end of the sound
from the end of the picture. The exit code is 1 if memory grows by a megabyte per 1,000 frames or more, or anything else
is not exact.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BLEND = (sys.executable, str(ROOT / "tests" / "blend_program.py"))
PROGRAM = (sys.executable, "-m", "ifrplus_cli")
RATE, FACTOR = 25, 2
SEGMENT_FRAMES = 250
PICTURE = "testsrc2=size=64x48:rate=25,scroll=horizontal=0.04:vertical=0.02"
LOSSLESS = ("-c:v", "libx264", "-qp", "0", "-preset", "ultrafast")
MEGABYTES = 1024 / 1e6  # per kilobyte of /proc
MOST_GROWTH = 1.0  # MB per 1,000 frames
WARM_UP = 0.1  # share of the run before memory is evaluated

Sample = tuple[int, float]  # finished frames, MB


def make_clip(path: Path, frames: int) -> None:
    """Make the source, with sound of the same length."""
    inputs = ("-f", "lavfi", "-i", PICTURE, "-f", "lavfi", "-i", "sine=440:sample_rate=48000")
    length = ("-t", f"{frames / RATE:.6f}")
    command = ["ffmpeg", "-v", "error", "-nostdin", *inputs, *length, *LOSSLESS, "-pix_fmt", "yuv420p", "-c:a", "aac"]
    subprocess.run([*command, str(path)], check=True)


def upsample(source: Path, output: Path, *, network: bool, cluster: str | None) -> tuple[list[Sample], float]:
    """Run the program; return samples of its memory, without that of workers, and the seconds it took."""
    options = ("--factor", str(FACTOR), "--codec", "libx264", "--crf", "0", "--preset", "ultrafast", "-q")
    where = () if cluster is None else ("--cluster", cluster)
    command = [*(PROGRAM if network or cluster else BLEND), "upsample", str(source), str(output), *options, *where]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "SEGMENT_FRAMES": str(SEGMENT_FRAMES)}
    started, samples = time.monotonic(), []
    folder = output.with_name(f"{output.name}.ifrplus")
    with subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL) as process:
        while process.poll() is None:
            time.sleep(0.25)
            frames = SEGMENT_FRAMES * len(list(folder.glob("*.segment")))
            memory = memory_mb(process.pid)
            if memory is not None:
                samples.append((frames, memory))
    if process.returncode:
        raise SystemExit(f"the run ended with {process.returncode}")
    return samples, time.monotonic() - started


def memory_mb(process: int) -> float | None:
    """Return the memory of a process; None if it has ended."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * MEGABYTES for line in lines if line.startswith("VmRSS:")), None)


def growth(samples: list[Sample]) -> float:
    """Fit a line to the samples between the start and the end of encoding; return its slope in MB per 1,000 frames."""
    most = max(frames for frames, _ in samples)
    seen = [(frames / 1000, memory) for frames, memory in samples if WARM_UP * most < frames < most]
    x, y = (sum(values) / len(seen) for values in zip(*seen, strict=True))
    return sum((a - x) * (b - y) for a, b in seen) / sum((a - x) ** 2 for a, _ in seen)


def lines_of(command: list[str]) -> Iterator[str]:
    """Yield the output of a program, line by line."""
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield from process.stdout
    if process.returncode:
        raise SystemExit(f"{command[0]} ended with {process.returncode}")


def frames_of(path: Path) -> Iterator[tuple[Fraction, str]]:
    """Yield time in seconds and hash of each decoded frame."""
    unit = Fraction(0)
    picture = ("-map", "v:0", "-fps_mode", "passthrough", "-f", "framehash", "-hash", "md5", "-")
    for line in lines_of(["ffmpeg", "-v", "error", "-nostdin", "-copyts", "-i", str(path), *picture]):
        if line.startswith("#tb"):
            unit = Fraction(line.split(":")[1].strip())
        elif not line.startswith("#"):
            fields = line.split(",")
            yield int(fields[2]) * unit, fields[5].strip()


def sound_end(path: Path) -> Fraction:
    """Return when the last packet of sound ends, in seconds."""

    def shown(entries: str) -> Iterator[list[str]]:
        command = ["ffprobe", "-v", "error", "-select_streams", "a:0", "-show_entries", entries, "-of", "csv=p=0"]
        return (line.strip().split(",") for line in lines_of([*command, str(path)]) if line.strip())

    unit = Fraction(next(shown("stream=time_base"))[0])
    return max(int(pts) + int(length) for pts, length, *_ in shown("packet=pts,duration")) * unit


def compare(source: Path, output: Path) -> tuple[int, Fraction, list[str]]:
    """Return the number of frames in the output, the time of the last one in seconds, and a list of faults."""
    made, wrong, count, last = frames_of(output), [], 0, Fraction(-1)
    for number, (moment, picture) in enumerate(frames_of(source)):
        slot = list(islice(made, FACTOR))
        expected = [moment + Fraction(n, FACTOR * RATE) for n in range(FACTOR)]
        if [found for found, _ in slot] != expected:
            wrong.append(f"the frames of source frame {number} are not at their times")
        elif slot[0][1] != picture:
            wrong.append(f"source frame {number} has changed")
        count, last = count + len(slot), slot[-1][0] if slot else last
    wrong += [f"there is an extra frame at {float(moment):.3f} s" for moment, _ in made]
    return count, last, wrong


def main() -> int:
    """Make the clip, run the program, check the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=50_000, help="number of source frames")
    parser.add_argument("--network", action="store_true", help="use the real network instead of a blend")
    parser.add_argument("--cluster", metavar="TEXT", help="make the film on workers, as ifrplus upsample does")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ifrplus-long-") as folder:
        source, output = Path(folder) / "source.mp4", Path(folder) / "film.mp4"
        make_clip(source, arguments.frames)
        samples, seconds = upsample(source, output, network=arguments.network, cluster=arguments.cluster)
        count, last, wrong = compare(source, output)
        length = Fraction(arguments.frames, RATE)
        offset = (sound_end(output) - last - Fraction(1, FACTOR * RATE)) - (sound_end(source) - length)
    slope = growth(samples)
    encoding = max(frames for frames, _ in samples)
    at_work = [memory for frames, memory in samples if frames < encoding]
    print(f"{arguments.frames} frames became {count} in {seconds:.0f} s")
    print(f"memory {at_work[-1]:.0f} MB at the end of encoding, {max(m for _, m in samples):.0f} MB at most")
    print(f"memory grows by {slope:.3f} MB per 1,000 output frames")
    print(f"the picture ends at {float(last + Fraction(1, FACTOR * RATE)):.6f} s instead of {float(length):.6f} s")
    print(f"the sound ends {1000 * float(offset):.3f} ms later against the picture than in the source")
    print(*wrong[:20], sep="\n", end="\n" if wrong else "")
    exact = not wrong and count == FACTOR * arguments.frames and abs(offset) < Fraction(1, FACTOR * RATE)
    return not (exact and slope < MOST_GROWTH)


if __name__ == "__main__":
    sys.exit(main())

"""Compare two workers of one thread each with one run of two threads, on the same two processors.

    PYTHONPATH=. python tools/cluster_times.py CLIP [--rounds 3] [--factor 2] [OPTIONS OF ifrplus upsample ...]

The machine must be idle. The film is made by both in turn; wall time and processor time (with all processes that were
started) are compared by their medians. The exit code is 1 if the workers take more than 1.10 of the wall time or more
than 1.15 of the processor time, or if both films differ in a packet.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

MOST_WALL, MOST_PROCESSOR = 1.10, 1.15
PROCESSORS = 2


def run(clip: Path, output: Path, options: list[str]) -> tuple[float, float]:
    """Make a film; return seconds on the clock, and of the processors."""
    command = [sys.executable, "-m", "ifrplus_cli", "upsample", str(clip), str(output), "-y", "-q", *options]
    began = time.monotonic()
    process = subprocess.Popen(command)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed")
    return time.monotonic() - began, used.ru_utime + used.ru_stime


def packets(path: Path) -> str:
    command = ["ffmpeg", "-v", "error", "-i", str(path), "-map", "0", "-c", "copy", "-f", "framemd5", "-"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    asked, options = parser.parse_known_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:PROCESSORS])
    alone, together = [], []
    with tempfile.TemporaryDirectory() as name:
        one, other = Path(name) / "one.mp4", Path(name) / "other.mp4"
        for _ in range(asked.rounds):
            alone.append(run(asked.clip, one, options))
            together.append(run(asked.clip, other, [*options, "--cluster", f"local:{PROCESSORS}"]))
            print(f"alone {alone[-1][0]:.1f} s, {alone[-1][1]:.1f} s of the processors; ", end="")
            print(f"workers {together[-1][0]:.1f} s, {together[-1][1]:.1f} s", flush=True)
        alike = packets(one) == packets(other)
    wall, processor = (
        statistics.median(each[n] for each in together) / statistics.median(each[n] for each in alone) for n in (0, 1)
    )
    print(f"wall time {wall:.3f} (at most {MOST_WALL}), processor time {processor:.3f} (at most {MOST_PROCESSOR})")
    print("the films are equal" if alike else "the films are DIFFERENT")
    return 0 if alike and wall <= MOST_WALL and processor <= MOST_PROCESSOR else 1


if __name__ == "__main__":
    sys.exit(main())

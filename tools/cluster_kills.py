"""Kill workers of a cluster at random while they make a film, and compare it with the one that this machine makes.

    PYTHONPATH=.:tests python tools/cluster_kills.py [--kills 10] [--frames 240] [--seed 0]

ffmpeg makes a small clip; two workers, each a process, make it in segments of 8 frames. At random moments one of both
is killed (SIGKILL), and Dask starts another in its place. The exit code is 1 unless the packets of both films are equal
in all their times and bytes.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from clips import make_clip
from distributed import SpecCluster
from farm import farm, kill, make_here, make_on

from ifrplus_cli.pipeline import segments
from ifrplus_cli.pipeline.run import RunProgress

SEGMENT_FRAMES = 8


class Killer:
    """Kills workers, the next one a random time after the last section came back."""

    def __init__(self, cluster: SpecCluster, kills: int, seed: int) -> None:
        self.killed = 0
        self._cluster, self._kills, self._draw = cluster, kills, random.Random(seed)
        self._after: set[int] = set()

    def __call__(self, run: RunProgress) -> None:
        if run.sections[0] == 1:
            self._after = set(self._draw.sample(range(1, run.sections[1]), self._kills))
        if run.sections[0] in self._after:
            self._after.discard(run.sections[0])
            threading.Timer(self._draw.uniform(0, 1), self._kill).start()

    def _kill(self) -> None:
        worker = self._draw.choice(list(self._cluster.workers.values()))
        while (number := worker.pid) is None:  # it has been killed just before, and is not back yet
            time.sleep(0.1)
        kill(number)
        self.killed += 1


def packets(path: Path) -> str:
    command = ["ffmpeg", "-v", "error", "-i", str(path), "-map", "0", "-c", "copy", "-f", "framemd5", "-"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--frames", type=int, default=240)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    segments.FRAMES = SEGMENT_FRAMES
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clip = make_clip(folder / "clip.mp4", frames=asked.frames, codec="libx264")
        here, there = folder / "here.mp4", folder / "there.mp4"
        make_here(clip, here)
        with farm(folder / "scratch") as cluster:
            killer = Killer(cluster, asked.kills, asked.seed)
            other = make_on(cluster.scheduler_address, clip, there, progress=killer, note=print)
        alike = packets(here) == packets(there)
    print(f"{killer.killed} workers killed; {other.summary.frames_out} frames; {'equal' if alike else 'DIFFERENT'}")
    return 0 if alike and killer.killed == asked.kills else 1


if __name__ == "__main__":
    sys.exit(main())

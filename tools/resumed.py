"""Interrupt long runs at random moments, resume them, and compare the results with those of uninterrupted runs.

    PYTHONPATH=. python tools/resumed.py CLIP [--moments 10] [--seed 1]

There are three runs: a constant rate doubled, a variable rate doubled, and a constant rate times four. Each is
interrupted by SIGKILL, SIGTERM or SIGINT, in turn, at a random moment of its work, and resumed; every third is
interrupted twice. A slow blend stands in for the network, and segments are short. framemd5 of picture and sound, with
all times, must be the same, line by line. The exit code is 1 if any differs.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PROGRAM = (sys.executable, str(ROOT / "tests" / "blend_program.py"))
FRAMES, SECONDS_A_FRAME, SEGMENT_FRAMES = 60, 0.02, 20
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
VARYING = r"settb=1/1000,setpts=N*40+mod(N\,7)*3"
# Filter of the source, and the factor.
RUNS = {"constant rate": ("null", 2), "variable rate": (VARYING, 2), "four times": ("null", 4)}


def make_source(clip: Path, path: Path, filters: str) -> None:
    """Make a small copy of a real clip, with sound."""
    sound = ("-f", "lavfi", "-i", "sine=440:sample_rate=48000")
    options = ("-frames:v", str(FRAMES), "-t", f"{FRAMES / 25}", "-vf", f"scale=160:68,settb=1/25,setpts=N,{filters}")
    times = ("-fps_mode", "passthrough", "-enc_time_base", "1:1000", "-video_track_timescale", "1000")
    command = ["ffmpeg", "-v", "error", "-nostdin", "-i", str(clip), *sound, "-map", "0:v", "-map", "1:a", *options]
    subprocess.run([*command, *times, "-c:v", "libx264", "-c:a", "aac", str(path)], check=True)


def start(source: Path, output: Path, factor: int, *arguments: str) -> subprocess.Popen[bytes]:
    """Start the program."""
    slow = {"SLOW_MARK": str(output.with_suffix(".mark")), "SECONDS_A_FRAME": str(SECONDS_A_FRAME)}
    environment = {**os.environ, **slow, "SEGMENT_FRAMES": str(SEGMENT_FRAMES), "PYTHONPATH": str(ROOT)}
    command = [*PROGRAM, "upsample", str(source), str(output), "-q", "--factor", str(factor), *arguments]
    return subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)


def interrupt(process: subprocess.Popen[bytes], mark: Path, seconds: float, sent: signal.Signals) -> bool:
    """Send a signal so many seconds after the network has started; return False if the run had ended before."""
    while not mark.exists() and process.poll() is None:
        time.sleep(0.01)
    time.sleep(seconds)
    done = process.poll() is not None
    process.send_signal(sent)
    process.communicate()
    mark.unlink(missing_ok=True)
    return not done and process.returncode != 0


def frames_of(film: Path) -> str:
    """Return times and checksums of all decoded frames and samples."""
    command = ["ffmpeg", "-v", "error", "-nostdin", "-i", str(film), "-map", "0", "-fps_mode", "passthrough"]
    return subprocess.run([*command, "-f", "framemd5", "-"], check=True, capture_output=True, text=True).stdout


def trial(source: Path, output: Path, factor: int, chance: random.Random, signals: list[signal.Signals]) -> str | None:
    """Return the frames of a film whose run was interrupted by each signal; None if one of them came too late."""
    most = FRAMES * (factor - 1) * SECONDS_A_FRAME
    for number, sent in enumerate(signals):
        resume = ("--resume",) if number else ()
        process = start(source, output, factor, *resume)
        if not interrupt(process, output.with_suffix(".mark"), chance.uniform(0, most / len(signals)), sent):
            return None
        assert not output.exists()
    process = start(source, output, factor, "--resume")
    _, told = process.communicate()
    if process.returncode:
        raise SystemExit(told.decode())
    return frames_of(output)


def main() -> int:
    """Interrupt, resume, compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--moments", type=int, default=10, help="interruptions of each of the three runs")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    chance, differing = random.Random(arguments.seed), 0
    with tempfile.TemporaryDirectory(prefix="ifrplus-resumed-") as made:
        for name, (filters, factor) in RUNS.items():
            folder = Path(made) / name
            folder.mkdir()
            make_source(arguments.clip, folder / "source.mp4", filters)
            if start(folder / "source.mp4", folder / "whole.mp4", factor).wait():
                raise SystemExit("the uninterrupted run failed")
            whole, same, late = frames_of(folder / "whole.mp4"), 0, 0
            for number in range(arguments.moments):
                signals = [SIGNALS[(number + more) % len(SIGNALS)] for more in range(2 if number % 3 == 2 else 1)]
                found = None
                while found is None:
                    with tempfile.TemporaryDirectory(dir=folder) as place:
                        found = trial(folder / "source.mp4", Path(place) / "film.mp4", factor, chance, signals)
                    late += found is None
                same += found == whole
            differing += arguments.moments - same
            rows = sum(not line.startswith("#") for line in whole.splitlines())
            print(
                f"{name}: {same} of {arguments.moments} the same in all {rows} lines of framemd5; {late} came too late"
            )
    return bool(differing)


if __name__ == "__main__":
    sys.exit(main())

"""Damage small real films at random and upsample each: a verified film, or an error in one sentence, in bounded time.

    PYTHONPATH=. python tools/faults.py CLIP [--count 200] [--seed 1]

A blend stands in for the network. Every container gets a quarter of the damages: bytes flipped, a stretch zeroed, the
end cut off, a stretch left out. The table says how they ended; a run that does neither is named, and the exit code
is 1.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PROGRAM = (sys.executable, str(ROOT / "tests" / "blend_program.py"))
CODECS = {
    ".mp4": ("-c:v", "libx264", "-c:a", "aac"),
    ".mkv": ("-c:v", "libx264", "-c:a", "aac"),
    ".avi": ("-c:v", "mpeg4", "-c:a", "mp3"),
    ".webm": ("-c:v", "libvpx-vp9", "-cpu-used", "8", "-c:a", "libopus"),
}
FRAMES, SIZE = 20, "160:68"
LONGEST_S, MOST_BYTES = 60, 2_000_000_000


def flip(data: bytearray, chance: random.Random) -> None:
    """A few bytes of the whole become others."""
    for _ in range(chance.choice((1, 5, 50))):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def zero(data: bytearray, chance: random.Random) -> None:
    """A stretch becomes zeros."""
    start, length = chance.randrange(len(data)), chance.randrange(1, 2000)
    data[start : start + length] = bytes(len(data[start : start + length]))


def cut(data: bytearray, chance: random.Random) -> None:
    """The end is missing."""
    del data[chance.randrange(1, len(data)) :]


def leave_out(data: bytearray, chance: random.Random) -> None:
    """A stretch is missing."""
    start = chance.randrange(len(data))
    del data[start : start + chance.randrange(1, 2000)]


DAMAGES: tuple[Callable[[bytearray, random.Random], None], ...] = (flip, zero, cut, leave_out)


def make_source(clip: Path, path: Path) -> None:
    """A small copy of a real clip, with sound."""
    sound = ("-f", "lavfi", "-i", "sine=440:sample_rate=48000")
    command = ["ffmpeg", "-v", "error", "-nostdin", "-y", "-i", str(clip), *sound, "-map", "0:v", "-map", "1:a"]
    command += ["-frames:v", str(FRAMES), "-shortest", "-t", "0.8", "-vf", f"scale={SIZE}", *CODECS[path.suffix]]
    subprocess.run([*command, str(path)], check=True, stdin=subprocess.DEVNULL)


def upsample(source: Path, output: Path) -> tuple[str, float]:
    """How a run ended, in one of the words of the table or as what was wrong with it, and its seconds."""
    limited = ("sh", "-c", f'ulimit -v {MOST_BYTES // 1000}; exec "$@"', "sh")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
    command = [*limited, *PROGRAM, "upsample", str(source), str(output), "-q", "-y", "--preset", "ultrafast"]
    command = [word for word in command if output.suffix != ".webm" or word not in ("--preset", "ultrafast")]
    started = time.monotonic()
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            env=environment,
            timeout=LONGEST_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return "hangs", LONGEST_S
    seconds, told = time.monotonic() - started, done.stderr.splitlines()
    if done.returncode == 0 and output.exists():
        return "verified, with notes" if told else "verified", seconds
    in_one = sum(line.startswith("error: ") for line in told) == 1 and "Traceback" not in done.stderr
    left = [path.name for path in output.parent.iterdir() if path not in (source, output)]
    if done.returncode == 1 and in_one and not output.exists() and not left:
        return "error", seconds
    return f"exit code {done.returncode}, left {left}: {done.stderr[-400:]}", seconds


def main() -> int:
    """Damage, run, count."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    chance, endings, longest, wrong = random.Random(arguments.seed), Counter[tuple[str, str]](), 0.0, 0
    with tempfile.TemporaryDirectory(prefix="ifrplus-faults-") as made:
        for suffix in CODECS:
            make_source(arguments.clip, Path(made) / f"whole{suffix}")
        for number in range(arguments.count):
            suffix = list(CODECS)[number % len(CODECS)]
            data, damage = bytearray((Path(made) / f"whole{suffix}").read_bytes()), chance.choice(DAMAGES)
            damage(data, chance)
            with tempfile.TemporaryDirectory(dir=made) as folder:
                source = Path(folder) / f"damaged{suffix}"
                source.write_bytes(data)
                ending, seconds = upsample(source, Path(folder) / "film.mp4")
            longest = max(longest, seconds)
            if ending not in ("verified", "verified, with notes", "error"):
                wrong += 1
                print(f"{number}: {damage.__name__} {suffix}: {ending}", flush=True)
                ending = "wrong"
            endings[suffix, ending] += 1
    columns = ("verified", "verified, with notes", "error", "wrong")
    print(f"{'':8}" + "".join(f"{name:>22}" for name in columns))
    for suffix in CODECS:
        print(f"{suffix:8}" + "".join(f"{endings[suffix, name]:>22}" for name in columns))
    print(f"longest run {longest:.1f} s")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())

"""Damage small real films at random and upsample each: a verified film, or an error in one sentence, in bounded time.

    PYTHONPATH=. python tools/faults.py CLIP [--count 200] [--kills 20] [--seed 1]

A blend stands in for the network. Every container gets a quarter of the damage: bytes flipped, a stretch zeroed, the
end cut off, a stretch left out. Then whole films are upsampled, and the ffmpeg that decodes or the one that encodes is
killed at a random moment. The table counts the outcomes; a run with any other outcome is named, and the exit code is 1.
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
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
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
SECONDS_A_FRAME = 0.05  # of the network in runs in which a process is killed
KILLED = {"decoder": ("rawvideo", "pipe:1"), "encoder": ("pipe:0",)}  # words of their command lines


def flip(data: bytearray, chance: random.Random) -> None:
    """Replace a few bytes of the whole."""
    for _ in range(chance.choice((1, 5, 50))):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def zero(data: bytearray, chance: random.Random) -> None:
    """Zero a stretch."""
    start, length = chance.randrange(len(data)), chance.randrange(1, 2000)
    data[start : start + length] = bytes(len(data[start : start + length]))


def cut(data: bytearray, chance: random.Random) -> None:
    """Cut the end off."""
    del data[chance.randrange(1, len(data)) :]


def leave_out(data: bytearray, chance: random.Random) -> None:
    """Leave a stretch out."""
    start = chance.randrange(len(data))
    del data[start : start + chance.randrange(1, 2000)]


DAMAGES: tuple[Callable[[bytearray, random.Random], None], ...] = (flip, zero, cut, leave_out)


def make_source(clip: Path, path: Path) -> None:
    """Make a small copy of a real clip, with sound."""
    sound = ("-f", "lavfi", "-i", "sine=440:sample_rate=48000")
    command = ["ffmpeg", "-v", "error", "-nostdin", "-y", "-i", str(clip), *sound, "-map", "0:v", "-map", "1:a"]
    command += ["-frames:v", str(FRAMES), "-shortest", "-t", "0.8", "-vf", f"scale={SIZE}", *CODECS[path.suffix]]
    subprocess.run([*command, str(path)], check=True, stdin=subprocess.DEVNULL)


def process_of(parent: int, words: tuple[str, ...]) -> int | None:
    """Return the child of a process whose command line has these words."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            line = stat.with_name("cmdline").read_text().split("\0")
            if int(stat.read_text().rpartition(")")[2].split()[1]) == parent and set(words) <= set(line):
                return int(stat.parent.name)
    return None


def kill(parent: int, words: tuple[str, ...], seconds: float) -> None:
    """Kill a child of a process so many seconds after the child has started."""
    child, until = None, time.monotonic() + LONGEST_S
    while child is None and time.monotonic() < until and Path(f"/proc/{parent}/exe").exists():
        child = process_of(parent, words)
        time.sleep(0.01)
    if child is not None:
        time.sleep(seconds)
        with suppress(OSError):
            os.kill(child, signal.SIGKILL)


def upsample(source: Path, output: Path, dying: str = "", seconds_to_live: float = 0) -> tuple[str, float]:
    """Return the outcome of a run, as a column of the table or a description of the fault, and its seconds.

    Args:
        dying: decoder or encoder: the ffmpeg that is killed after ``seconds_to_live``.
    """
    limited = ("sh", "-c", f'ulimit -v {MOST_BYTES // 1000}; exec "$@"', "sh")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
    if dying:
        slow = {"SLOW_MARK": str(source.with_suffix(".mark")), "SECONDS_A_FRAME": str(SECONDS_A_FRAME)}
        environment.update(slow)
    command = [*limited, *PROGRAM, "upsample", str(source), str(output), "-q", "-y", "--preset", "ultrafast"]
    command = [word for word in command if output.suffix != ".webm" or word not in ("--preset", "ultrafast")]
    started = time.monotonic()
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    ) as process:
        if dying:
            kill(process.pid, KILLED[dying], seconds_to_live)
        try:
            stderr = process.communicate(timeout=LONGEST_S)[1].decode(errors="replace")
        except subprocess.TimeoutExpired:
            process.kill()
            return "hangs", LONGEST_S
    source.with_suffix(".mark").unlink(missing_ok=True)
    seconds, told = time.monotonic() - started, stderr.splitlines()
    if process.returncode == 0 and output.exists():
        return "verified, with notes" if told else "verified", seconds
    in_one = sum(line.startswith("error: ") for line in told) == 1 and "Traceback" not in stderr
    left = [path.name for path in output.parent.iterdir() if path not in (source, output)]
    if process.returncode == 1 and in_one and not output.exists() and not left:
        return "error", seconds
    return f"exit code {process.returncode}, left {left}: {stderr[-400:]}", seconds


def main() -> int:
    """Damage, kill, count."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--count", type=int, default=200, help="damaged films")
    parser.add_argument("--kills", type=int, default=20, help="processes to kill")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    chance, endings, longest = random.Random(arguments.seed), Counter[tuple[str, str]](), 0.0
    columns = ("verified", "verified, with notes", "error", "wrong")

    def count(what: str, how: str, ending: str, seconds: float) -> None:
        nonlocal longest
        longest = max(longest, seconds)
        if ending not in columns:
            print(f"{what}, {how}: {ending}", flush=True)
            ending = "wrong"
        endings[what, ending] += 1

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
                count(suffix, damage.__name__, *upsample(source, Path(folder) / "film.mp4"))
        for number in range(arguments.kills):
            dying, lives = list(KILLED)[number % len(KILLED)], chance.uniform(0, FRAMES * SECONDS_A_FRAME)
            with tempfile.TemporaryDirectory(dir=made) as folder:
                source = Path(folder) / "whole.mp4"
                source.write_bytes((Path(made) / "whole.mp4").read_bytes())
                count(
                    f"{dying} killed",
                    f"after {lives:.2f} s",
                    *upsample(source, Path(folder) / "film.mp4", dying, lives),
                )
    print(f"{'':16}" + "".join(f"{name:>22}" for name in columns))
    for what in (*CODECS, *(f"{dying} killed" for dying in KILLED)):
        print(f"{what:16}" + "".join(f"{endings[what, name]:>22}" for name in columns))
    print(f"longest run {longest:.1f} s")
    return any(ending == "wrong" for _, ending in endings)


if __name__ == "__main__":
    sys.exit(main())

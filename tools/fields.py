"""Measure how interlaced and telecined films are detected, on real clips and on versions made of them.

Every clip is taken for progressive. Of every Nth one that has enough frames, interlaced and telecined versions are
made: plain, dark, blurred, and wrongly marked. The table says how often each was taken for what it is, missed, or taken
for something it is not.

    python tools/fields.py CLIPS [CLIPS ...] [--every 4]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from ifrplus_cli.errors import IfrplusError
from ifrplus_cli.video.reading.interlace import detect_fields
from ifrplus_cli.video.reading.probe import probe

FRAMES, LEAST_FRAMES = 96, 40
SMALL = "scale=360:288,format=yuv420p"
DARK, SOFT = "lutyuv=y='16+(val-16)/6'", "gblur=sigma=1.5"
WOVEN = "setpts=N/50/TB,fps=50,interlace=scan={}:lowpass=off"
TELECINED = "setpts=N*1001/24000/TB,fps=24000/1001,telecine=pattern=23"
VERSIONS = {
    "interlaced, top first": ("interlaced", f"{SMALL},{WOVEN.format('tff')},setfield=prog"),
    "interlaced, bottom first": ("interlaced", f"{SMALL},{WOVEN.format('bff')},setfield=prog"),
    "interlaced, dark": ("interlaced", f"{SMALL},{DARK},{WOVEN.format('tff')},setfield=prog"),
    "telecined": ("telecined", f"{SMALL},{TELECINED},setfield=prog"),
    "telecined, marked": ("telecined", f"{SMALL},{TELECINED},setfield=tff"),
    "telecined, dark": ("telecined", f"{SMALL},{DARK},{TELECINED},setfield=prog"),
    "telecined, blurred before": ("telecined", f"{SMALL},{SOFT},{TELECINED},setfield=prog"),
    "telecined, blurred after": ("telecined", f"{SMALL},{TELECINED},gblur=sigma=0.5,setfield=prog"),
}


def look(path: Path) -> tuple[str, int] | None:
    """What a film is taken for, and its frames; None if it can't be read or is none."""
    try:
        clip = probe(path)
        return detect_fields(clip).kind, len(clip.packet_pts)
    except IfrplusError:
        return None


def make(source: Path, chain: str, path: Path) -> bool:
    """Make a version of a clip; return whether that worked."""
    command = ["ffmpeg", "-v", "error", "-y", "-i", str(source), "-map", "0:v:0", "-an", "-frames:v", str(FRAMES)]
    command += ["-vf", chain, "-c:v", "mpeg2video", "-flags", "+ildct+ilme", "-q:v", "3", str(path)]
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode == 0


def results(clips: list[Path], every: int) -> Iterator[tuple[str, str, str, str]]:
    """Name of the clip, row of the table, what it is, and what it is taken for."""
    usable = 0
    for path in clips:
        found = look(path)
        if found is None:
            continue
        yield path.name, "as it is", "progressive", found[0]
        usable += found[1] >= LEAST_FRAMES
        if found[1] < LEAST_FRAMES or (usable - 1) % every:
            continue
        with TemporaryDirectory() as folder:
            for row, (kind, chain) in VERSIONS.items():
                version = Path(folder) / "version.mkv"
                if make(path, chain, version) and (taken := look(version)):
                    yield path.name, row, kind, taken[0]


def main() -> None:
    """Measure on all files of the folders and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path, nargs="+", help="folders of clips")
    parser.add_argument("--every", type=int, default=4, help="make versions of every Nth clip")
    arguments = parser.parse_args()
    clips = [path for folder in arguments.clips for path in sorted(folder.iterdir()) if path.is_file()]
    counts: dict[str, Counter[str]] = {row: Counter() for row in ("as it is", *VERSIONS)}
    for name, row, kind, taken in results(clips, arguments.every):
        verdict = "right" if taken == kind else "missed" if taken == "progressive" else "false"
        counts[row][verdict] += 1
        if verdict != "right":
            print(f"{name}, {row}: taken for {taken}", file=sys.stderr, flush=True)
    print(f"{'version':28}{'right':>8}{'missed':>8}{'false':>8}")
    for row, found in counts.items():
        print(f"{row:28}{found['right']:>8}{found['missed']:>8}{found['false']:>8}")


if __name__ == "__main__":
    main()

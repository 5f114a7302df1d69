"""The number of threads of an encoder whose result depends on it, so that another machine can encode the same."""

from __future__ import annotations

import re

from ifrplus_cli.system import processors
from ifrplus_cli.video.writing.encoders import encoder_facts

# Encoders that write their own number into what they encode, and how.
STATED = {
    "libx264": rb" threads=(\d+) ",
    "libx264rgb": rb" threads=(\d+) ",
    "libx265": rb"frame-threads=(\d+) ",
}
MOST = {"libvpx": 16, "libvpx-vp9": 16, "libaom-av1": 64}  # threads that ffmpeg gives them, one for each processor
SLICED = re.compile(r"Threading capabilities:.*\bslice\b")
MOST_SLICES, SLICE_ROWS = 16, 16  # threads of ffmpeg's own encoders, and rows of the picture for each


def chosen_threads(codec: str, height: int, encoded: bytes, cores: int | None = None) -> int | None:
    """Return the number of threads that an encoder chooses here by itself; None if its result does not depend on it.

    Args:
        height: of the picture, in pixels.
        encoded: a file that it has encoded here.
        cores: number of processors; None for those of this process.
    """
    cores = cores or len(processors())
    if codec in STATED:
        found = re.search(STATED[codec], encoded)
        return int(found[1]) if found else None
    if codec in MOST:
        return min(cores, MOST[codec])
    if codec.startswith("lib") or not SLICED.search(encoder_facts(codec)):
        return None
    used = min(cores, -(-height // SLICE_ROWS))
    return min(used + 1, MOST_SLICES) if used > 1 else 1

"""Measure what it saves to leave alone what does not move, against computing everything.

    PYTHONPATH=. python tools/stillness.py CLIP...

The first frames of each clip go through ``lite`` with ONNX Runtime, every pair both ways. The table shows the pairs
that are copied whole, the share of all pictures that is computed, the time relative to computing everything, and by
how many 8-bit codes the two results differ: at most, and the share of samples that differ.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from itertools import islice, pairwise
from pathlib import Path

import numpy as np

from ifrplus_cli.api import load_model
from ifrplus_cli.frames.colour import Converter
from ifrplus_cli.frames.motion_box import Box, moving_box
from ifrplus_cli.frames.pictures import as_codes
from ifrplus_cli.network import interpolator
from ifrplus_cli.network.interpolator import Interpolator
from ifrplus_cli.values import Image
from ifrplus_cli.video.reading.decode import decode
from ifrplus_cli.video.reading.probe import probe

FRAMES = 31
HALF = [Fraction(1, 2)]


@contextmanager
def everything_moves() -> Iterator[None]:
    """Treat all of every picture as moving."""
    before = interpolator.moving_box, interpolator.moves
    interpolator.moving_box = lambda left, right: Box(0, 0, *left.shape[:2])  # type: ignore[assignment]
    interpolator.moves = lambda left, right: True  # type: ignore[assignment]
    try:
        yield
    finally:
        interpolator.moving_box, interpolator.moves = before


def timed(make: Interpolator, left: Image, right: Image) -> tuple[Image, float]:
    """Return a made frame, and its seconds."""
    started = time.perf_counter()
    made = make(left, right, HALF)[0]
    return made, time.perf_counter() - started


def measure(path: Path) -> str:
    """Return the line of a clip."""
    clip = probe(path)
    convert = Converter(clip.pixel_format, clip.colour, clip.width, clip.height)
    with decode(clip) as decoder:
        frames = [convert.to_rgb(frame.planes) for frame in islice(decoder, FRAMES)]
    network = load_model((clip.height, clip.width), "lite", engine="onnx", device="CPU")
    partly, wholly = Interpolator(network), Interpolator(network)
    copied, computed, seconds, largest, differing = 0, 0.0, [0.0, 0.0], 0, 0.0
    partly(frames[0], frames[1], HALF)  # the first call is slower
    for left, right in pairwise(frames):
        box = moving_box(left, right)
        copied += box is None
        computed += 0 if box is None else np.prod(box.size) / (clip.height * clip.width)
        part, spent = timed(partly, left, right)
        seconds[0] += spent
        with everything_moves():
            whole, spent = timed(wholly, left, right)
        seconds[1] += spent
        difference = np.abs(as_codes(part).astype(int) - as_codes(whole))
        largest, differing = max(largest, int(difference.max())), differing + float((difference > 0).mean())
    pairs = len(frames) - 1
    return (
        f"{path.name[:32]:34}{f'{copied} of {pairs}':>12}{computed / pairs:>12.0%}"
        f"{seconds[0] / seconds[1]:>10.2f}{largest:>10}{differing / pairs:>10.2%}"
    )


def main() -> None:
    """Measure each clip."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path, nargs="+")
    print(f"{'':34}{'copied':>12}{'computed':>12}{'time':>10}{'largest':>10}{'differ':>10}")
    for path in parser.parse_args().clips:
        print(measure(path), flush=True)


if __name__ == "__main__":
    main()

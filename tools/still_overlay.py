"""Measure what happens to text, a panel and an outline that stand still over moving footage.

They are pasted on the first frames of each clip, every second frame is dropped and made again by ``lite`` as a run
does, and the part of the picture that each of them covers is compared with what was pasted: PSNR of RGB, a mean over a
clip's made frames, then over the clips. The last column is the rest of the picture.

    PYTHONPATH=. python tools/still_overlay.py CLIPS             # exactly alike in all frames
    PYTHONPATH=. python tools/still_overlay.py CLIPS --crf 18    # stored as H.264, 4:2:0, as films are
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from statistics import fmean

import cv2
import numpy as np
import numpy.typing as npt
from holdout import CLIP_SUFFIXES, FRAMES, Picture, read_by_program

from ifrplus_cli.api import load_model
from ifrplus_cli.frames.metrics import psnr
from ifrplus_cli.frames.pictures import as_codes
from ifrplus_cli.network.interpolator import Interpolator, OuterFrame, Surroundings
from ifrplus_cli.values import Image

Mask = npt.NDArray[np.bool_]

PEAK = 255
MOST = 60.0  # decibels shown for places without any difference
KINDS = ("text", "panel", "outline")


def paste(picture: Image, kind: str, colour: tuple[float, float, float] | None = None) -> None:
    """Draw one kind of overlay on a picture, sized by it, in its usual colour by default."""
    height, width = picture.shape[:2]

    def at(across: float, down: float) -> tuple[int, int]:
        return int(width * across), int(height * down)

    if kind == "text":
        font, thin = cv2.FONT_HERSHEY_DUPLEX, max(1, height // 500)
        cv2.putText(picture, "00:12:34", at(0.06, 0.3), font, height / 256, colour or (1, 1, 1), thin + 2, cv2.LINE_AA)
        line = "What is said in a film"
        cv2.putText(picture, line, at(0.06, 0.9), font, height / 400, colour or (0.9, 0.9, 0.35), thin, cv2.LINE_AA)
    elif kind == "panel":
        cv2.rectangle(picture, at(0.6, 0.7), at(0.92, 0.85), colour or (0.1, 0.1, 0.1), cv2.FILLED)
    else:
        cv2.rectangle(picture, at(0.55, 0.1), at(0.9, 0.35), colour or (0.9, 0.8, 0.15), 2)


def pasted(path: Path, crf: int | None) -> list[Picture]:
    """Return a clip's first frames with everything pasted on; if ``crf`` is given, after encoding as H.264."""
    frames = [codes.astype(np.float32) / PEAK for codes in read_by_program(path, FRAMES)]
    for frame, kind in ((frame, kind) for frame in frames for kind in KINDS):
        paste(frame, kind)
    shown = [as_codes(frame) for frame in frames]
    return shown if crf is None else _stored(shown, crf)


def _stored(frames: list[Picture], crf: int) -> list[Picture]:
    height, width = frames[0].shape[:2]
    raw = ("-f", "rawvideo", "-pix_fmt", "rgb24", "-video_size", f"{width}x{height}", "-i", "-")
    h264 = ("-c:v", "libx264", "-crf", str(crf), "-pix_fmt", "yuv420p")
    with tempfile.TemporaryDirectory() as folder:
        film = Path(folder) / "pasted.mkv"
        subprocess.run(["ffmpeg", "-v", "error", *raw, *h264, film], input=b"".join(map(bytes, frames)), check=True)
        return read_by_program(film, None)


def scores(path: Path, crf: int | None) -> Iterator[list[float]]:
    """Yield for each dropped frame the PSNR of every kind, and of the rest."""
    frames = pasted(path, crf)
    height, width = frames[0].shape[:2]
    places = [_covered(frames[0].shape, kind) for kind in KINDS]
    places.append(~np.logical_or.reduce(places))
    make = Interpolator(load_model((height, width), "lite", device="CPU"))
    kept = [frame.astype(np.float32) / PEAK for frame in frames[::2]]
    for place, (left, right) in enumerate(pairwise(kept)):
        around = Surroundings(
            OuterFrame(kept[place - 1]) if place else None,
            OuterFrame(kept[place + 2]) if place + 2 < len(kept) else None,
        )
        made = as_codes(make(left, right, [Fraction(1, 2)], around)[0])
        true = frames[2 * place + 1]
        yield [min(psnr(made[covered][None], true[covered][None]), MOST) for covered in places]


def _covered(shape: tuple[int, ...], kind: str) -> Mask:
    canvas = np.zeros(shape, np.float32)
    paste(canvas, kind, (1, 1, 1))
    return np.asarray(canvas[..., 0] > 0)


def main() -> None:
    """Measure every clip of the folder and print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path, help="a folder of clips")
    parser.add_argument("--crf", type=int, help="first store the pasted frames as H.264 of this quality")
    options = parser.parse_args()
    paths = sorted(path for path in options.clips.iterdir() if path.suffix in CLIP_SUFFIXES)
    print(f"{'':40}" + "".join(f"{name:>9}" for name in (*KINDS, "the rest")))
    rows = []
    for path in paths:
        rows.append([fmean(column) for column in zip(*scores(path, options.crf), strict=True)])
        print(f"{path.stem:40}" + "".join(f"{figure:9.2f}" for figure in rows[-1]), flush=True)
    for name, of_all in (("mean", fmean), ("worst clip", min)):
        print(f"{name:40}" + "".join(f"{of_all(column):9.2f}" for column in zip(*rows, strict=True)))


if __name__ == "__main__":
    main()

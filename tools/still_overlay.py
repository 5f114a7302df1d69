"""What becomes of text, a panel and an outline that stand still over moving footage.

They are pasted on the first frames of each clip, every second frame is dropped and made again by ``lite`` as a run
does, and the part of the picture that each of them covers is compared with what was pasted: PSNR of RGB, a mean over a
clip's made frames, then over the clips. The last column is the rest of the picture.

    PYTHONPATH=. python tools/still_overlay.py CLIPS
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from fractions import Fraction
from itertools import islice, pairwise
from pathlib import Path
from statistics import fmean

import cv2
import numpy as np
import numpy.typing as npt
from holdout import CLIP_SUFFIXES, FRAMES

from ifrplus_cli.api import load_model
from ifrplus_cli.colour import Converter
from ifrplus_cli.decode import Decoder
from ifrplus_cli.interpolate import Interpolator, OuterFrame, Surroundings
from ifrplus_cli.media import Image
from ifrplus_cli.metrics import psnr
from ifrplus_cli.probe import probe
from ifrplus_cli.showing import as_codes

Mask = npt.NDArray[np.bool_]

MOST = 60.0  # decibels that are told of what does not differ at all
KINDS = ("text", "panel", "outline")


def paste(picture: Image, kind: str, colour: tuple[float, float, float] | None = None) -> None:
    """Draw one kind of overlay on a picture, sized by it; in a colour of its own unless told otherwise."""
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


def scores(path: Path) -> Iterator[list[float]]:
    """Of each dropped frame: PSNR of every kind, and of the rest."""
    clip = probe(path)
    convert = Converter(clip.pixel_format, clip.colour, clip.width, clip.height)
    with Decoder(clip) as decoder:
        frames = [np.ascontiguousarray(convert.to_rgb(frame.planes)) for frame in islice(decoder, FRAMES)]
    for frame, kind in ((frame, kind) for frame in frames for kind in KINDS):
        paste(frame, kind)
    places = [_covered(frames[0].shape, kind) for kind in KINDS]
    places.append(~np.logical_or.reduce(places))
    make = Interpolator(load_model((clip.height, clip.width), "lite", device="CPU"), doubt=True)
    kept = frames[::2]
    for place, (left, right) in enumerate(pairwise(kept)):
        around = Surroundings(
            OuterFrame(kept[place - 1]) if place else None,
            OuterFrame(kept[place + 2]) if place + 2 < len(kept) else None,
        )
        made = as_codes(make(left, right, [Fraction(1, 2)], around)[0])
        true = as_codes(frames[2 * place + 1])
        yield [min(psnr(made[covered][None], true[covered][None]), MOST) for covered in places]


def _covered(shape: tuple[int, ...], kind: str) -> Mask:
    canvas = np.zeros(shape, np.float32)
    paste(canvas, kind, (1, 1, 1))
    return np.asarray(canvas[..., 0] > 0)


def main() -> None:
    """Measure every clip of the folder and print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path, help="a folder of clips")
    paths = sorted(path for path in parser.parse_args().clips.iterdir() if path.suffix in CLIP_SUFFIXES)
    print(f"{'':40}" + "".join(f"{name:>9}" for name in (*KINDS, "the rest")))
    rows = []
    for path in paths:
        rows.append([fmean(column) for column in zip(*scores(path), strict=True)])
        print(f"{path.stem:40}" + "".join(f"{figure:9.2f}" for figure in rows[-1]), flush=True)
    print(f"{'mean':40}" + "".join(f"{fmean(column):9.2f}" for column in zip(*rows, strict=True)))


if __name__ == "__main__":
    main()

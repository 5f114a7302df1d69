"""Measure what blending doubtful places with the source frames gains: hold-out with it and without it.

Of the first frames of each clip every second one is dropped and made again by ``lite``, from the kept frames as they
are. The table shows the mean PSNR of made frames, and that of the worst hundredth of their blocks of 16 x 16 pixels:
RGB, each a mean over a clip's frames, then over the clips.

    python tools/doubt.py CLIPS
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from fractions import Fraction
from itertools import islice, pairwise
from pathlib import Path
from statistics import fmean

import numpy as np
import numpy.typing as npt
from holdout import CLIP_SUFFIXES, FRAMES

from ifrplus_cli.api import load_model
from ifrplus_cli.frames.colour import Converter
from ifrplus_cli.frames.pictures import as_codes
from ifrplus_cli.network.interpolator import Interpolator, OuterFrame, Surroundings
from ifrplus_cli.values import Image
from ifrplus_cli.video.decode import decode
from ifrplus_cli.video.probe import probe

BLOCK = 16
WORST = 100  # one block in so many


def scores(path: Path) -> Iterator[tuple[float, float, float, float]]:
    """Yield for each dropped frame: PSNR, and PSNR of the worst blocks, without blending and with it."""
    clip = probe(path)
    convert = Converter(clip.pixel_format, clip.colour, clip.width, clip.height)
    with decode(clip) as decoder:
        frames = [convert.to_rgb(frame.planes) for frame in islice(decoder, FRAMES)]
    kept = frames[::2]
    model = load_model((clip.height, clip.width), "lite", device="CPU")
    plain, careful = Interpolator(model), Interpolator(model, doubt=True)
    for place, (left, right) in enumerate(pairwise(kept)):
        around = Surroundings(
            OuterFrame(kept[place - 1]) if place else None,
            OuterFrame(kept[place + 2]) if place + 2 < len(kept) else None,
        )
        true = frames[2 * place + 1]
        made = [interpolate(left, right, [Fraction(1, 2)], around)[0] for interpolate in (plain, careful)]
        yield (*_judge(made[0], true), *_judge(made[1], true))


def _judge(made: Image, true: Image) -> tuple[float, float]:
    error = np.square((as_codes(made).astype(np.float64) - as_codes(true)) / 255).mean(2)
    blocks = np.sort(_block_means(error))
    return _decibels(error.mean()), _decibels(blocks[-max(1, len(blocks) // WORST) :].mean())


def _block_means(error: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    rows, columns = (side // BLOCK for side in error.shape)
    whole = error[: rows * BLOCK, : columns * BLOCK]
    return whole.reshape(rows, BLOCK, columns, BLOCK).mean((1, 3)).ravel()


def _decibels(square: float) -> float:
    return min(100.0, -10 * math.log10(max(square, 1e-12)))


def main() -> None:
    """Measure every clip of the folder and print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path, help="a folder of clips")
    paths = sorted(path for path in parser.parse_args().clips.iterdir() if path.suffix in CLIP_SUFFIXES)
    print(f"{'':40}{'PSNR':>8}{'doubt':>8}{'worst 1 %':>12}{'doubt':>8}")
    rows = []
    for path in paths:
        means = [fmean(column) for column in zip(*scores(path), strict=True)]
        rows.append(means)
        print(f"{path.stem:40}{means[0]:8.3f}{means[2]:8.3f}{means[1]:12.3f}{means[3]:8.3f}", flush=True)
    plain, worst, careful, careful_worst = (fmean(column) for column in zip(*rows, strict=True))
    print(f"{'mean':40}{plain:8.3f}{careful:8.3f}{worst:12.3f}{careful_worst:8.3f}")


if __name__ == "__main__":
    main()

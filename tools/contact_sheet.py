"""Lay crops of made frames by the true ones on one picture, so that methods can be compared by eye.

Of the first frames of each clip every second one is dropped, as ``holdout.py`` does, and made again by each program. A
row is a clip, at the place and in the dropped frame where a plain blend of the neighbours is furthest from the truth:
the true crop first, then that of each program, with its PSNR and its detail (made / true) there.

    python tools/contact_sheet.py CLIPS SHEET.jpg PROGRAM...

A program is a command that doubles a film's rate, or the pictures that one has made, one for each dropped frame:

    "now:ifrplus upsample {in} {out} --codec ffv1"     {out} is a .mkv
    before=made/                                        made/CLIP/*, sorted by name
    "RIFE=made/{clip}/*-rife.png"                       likewise, by a pattern
"""

from __future__ import annotations

import argparse
import glob
import shlex
import sys
import tempfile
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from holdout import CLIP_SUFFIXES, HoldOut, Picture, blend, frames_at, hold_out, read_by_ffmpeg, run_program
from looks import looks_of

CROP = (256, 192)  # width and height in pixels
MARGIN, LINE = 4, 20  # pixels: between crops, and of a label
QUALITY = 92  # of the JPEG


@dataclass(frozen=True)
class Place:
    """A crop of one of the dropped frames.

    Attributes:
        number: of the frame, counted from 0 among the dropped ones.
    """

    number: int
    top: int
    left: int

    def cut(self, pictures: list[Picture]) -> Picture:
        """Return the crop of a method's pictures, one for each dropped frame."""
        width, height = CROP
        return pictures[self.number][self.top : self.top + height, self.left : self.left + width]


@dataclass(frozen=True)
class Program:
    """A way to make the dropped frames.

    Attributes:
        text: a command with ``{in}`` and ``{out}``, or a pattern of pictures, which may contain ``{clip}``.
    """

    name: str
    text: str
    is_command: bool

    def make(self, clip: HoldOut, stem: str) -> list[Picture]:
        """Return the made frames of a clip; exit with a message if there is not one for each dropped frame."""
        if self.is_command:
            result = clip.film.with_name("made.mkv")
            words = [
                word.replace("{in}", str(clip.film)).replace("{out}", str(result)) for word in shlex.split(self.text)
            ]
            run_program(*words)
            made = frames_at(result, [index / clip.rate for index in clip.dropped], clip.read)
            result.unlink()
            return made
        pattern = Path(self.text, "{clip}", "*") if Path(self.text).is_dir() else Path(self.text)
        folder = Path(str(pattern.parent).replace("{clip}", stem))
        paths = sorted(folder.glob(pattern.name.replace("{clip}", glob.escape(stem))))
        if len(paths) < len(clip.dropped):
            sys.exit(f"{self.name} has {len(paths)} pictures for the {len(clip.dropped)} dropped frames of {stem}.")
        return [cv2.cvtColor(cv2.imread(path), cv2.COLOR_BGR2RGB) for path in paths]


def program_of(text: str) -> Program:
    """Read NAME:COMMAND or NAME=PICTURES."""
    mark = min((sign for sign in ":=" if sign in text), key=text.index, default="")
    name, _, rest = text.partition(mark) if mark else (text, "", "")
    if not name or not rest or (mark == ":" and not {"{in}", "{out}"} <= set(shlex.split(rest))):
        raise argparse.ArgumentTypeError(f"{text} is neither NAME:COMMAND with {{in}} and {{out}} nor NAME=PICTURES")
    return Program(name, rest, mark == ":")


def hardest_place(true: list[Picture], blended: list[Picture]) -> Place:
    """Return the crop in which a blend is furthest from the truth, over all dropped frames."""
    height, width = true[0].shape[:2]
    crop_width, crop_height = min(CROP[0], width), min(CROP[1], height)
    worst, place = -1.0, Place(0, 0, 0)
    for number, (one, other) in enumerate(zip(true, blended, strict=True)):
        error = np.square(one.astype(np.float32) - other).mean(2)
        means = cv2.boxFilter(error, -1, (crop_width, crop_height), anchor=(0, 0))
        means = means[: height - crop_height + 1, : width - crop_width + 1]
        top, left = np.unravel_index(int(means.argmax()), means.shape)
        if means[top, left] > worst:
            worst, place = float(means[top, left]), Place(number, int(top), int(left))
    return place


def row_of(path: Path, programs: list[Program]) -> Picture:
    """Return the labelled crops of a clip, side by side."""
    with tempfile.TemporaryDirectory() as folder:
        clip = hold_out(path, Path(folder), 2, [], read_by_ffmpeg)
        true = [clip.truth[index] for index in clip.dropped]
        place = hardest_place(true, blend(clip))
        crop = place.cut(true)
        seconds = Fraction(clip.dropped[place.number]) / clip.rate
        cells = [labelled(crop, f"true: {path.stem[:18]}, {float(seconds):.2f} s")]
        for program in programs:
            made = place.cut(program.make(clip, path.stem))
            looks = looks_of(np.ascontiguousarray(made), np.ascontiguousarray(crop))
            cells.append(labelled(made, f"{program.name}: {looks.psnr:.1f} dB, detail {looks.detail:.2f}"))
    return np.hstack(cells)


def labelled(crop: Picture, label: str) -> Picture:
    """Put a crop on a white cell of the same size for all clips, with a label above it."""
    cell = np.full((CROP[1] + LINE + MARGIN, CROP[0] + MARGIN, 3), 255, np.uint8)
    cell[LINE : LINE + crop.shape[0], : crop.shape[1]] = crop
    cv2.putText(cell, label, (2, LINE - 6), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (0, 0, 0), 1, cv2.LINE_AA)
    return cell


def main() -> None:
    """Make the sheet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path, help="a folder of clips")
    parser.add_argument("sheet", type=Path, help="the picture to write")
    parser.add_argument("programs", type=program_of, nargs="+", metavar="PROGRAM")
    arguments = parser.parse_args()
    paths = sorted(path for path in arguments.clips.iterdir() if path.suffix in CLIP_SUFFIXES)
    if not paths:
        sys.exit(f"There are no clips in {arguments.clips}.")
    rows = []
    for path in paths:
        sys.stderr.write(f"{path.name}\n")
        rows.append(row_of(path, arguments.programs))
    sheet = cv2.cvtColor(np.vstack(rows), cv2.COLOR_RGB2BGR)
    if not cv2.imwrite(str(arguments.sheet), sheet, [cv2.IMWRITE_JPEG_QUALITY, QUALITY]):
        sys.exit(f"{arguments.sheet} can't be written.")


if __name__ == "__main__":
    main()

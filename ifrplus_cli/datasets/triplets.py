"""Read the pictures of a data set's triplets, one triplet after the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from ifrplus_cli.datasets.layouts import Dataset, Triplet
from ifrplus_cli.errors import InputError
from ifrplus_cli.frames.colour import Converter
from ifrplus_cli.frames.metrics import SSIM_WINDOW
from ifrplus_cli.frames.pictures import Picture, as_codes
from ifrplus_cli.values import HALF, ClipInfo, Frame
from ifrplus_cli.video.formats.images import BEGIN_AND_END, END_LIES_IN
from ifrplus_cli.video.reading.decode import decode


@dataclass(frozen=True)
class Shown:
    """The pictures of a triplet, all H x W x 3 uint8 RGB of one size.

    Attributes:
        name, group: as in the data set; a clip's group is its name, and a frame's name its number, counted from 0.
        true: the picture at timestep ``t`` between the others.
    """

    name: str
    group: str
    left: Picture = field(repr=False)
    true: Picture = field(repr=False)
    right: Picture = field(repr=False)
    t: Fraction = HALF

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)."""
        height, width = self.true.shape[:2]
        return height, width


def read_triplets(dataset: Dataset) -> Iterator[Shown]:
    """Yield all triplets of a data set with their pictures, in 8 bits.

    Raises:
        InputError: names a picture that can't be read, is too small, or is of another size than its neighbours.
    """
    for triplet in dataset.triplets:
        yield read_triplet(triplet)
    for clip in dataset.clips:
        yield from map(_checked, _of_clip(clip))


def read_triplet(triplet: Triplet) -> Shown:
    """Read the pictures of a triplet.

    Raises:
        InputError: names a picture that can't be read, is too small, or is of another size than its neighbours.
    """
    left, true, right = (read_picture(file) for file in (triplet.left, triplet.true, triplet.right))
    return _checked(Shown(triplet.name, triplet.group, left, true, right))


def read_picture(file: Path) -> Picture:
    """Read a picture file as H x W x 3 uint8 RGB; 16 bits are reduced to 8, grey becomes three equal channels.

    Raises:
        InputError: if it can't be read completely.
    """
    try:
        data = file.read_bytes()
    except OSError as error:
        raise InputError(f"The picture {file} can't be read: {error.strerror}.", "Check its permissions.") from error
    # OpenCV would fill the missing part of a truncated file with grey, or print its own complaint.
    cut_short = any(data.startswith(begin) and end not in data[-END_LIES_IN:] for begin, end in BEGIN_AND_END)
    coded = np.frombuffer(data, np.uint8)
    picture = None if cut_short or not data else cv2.imdecode(coded, cv2.IMREAD_COLOR)
    if picture is None:
        raise InputError(f"The picture {file} is damaged, or in an unknown format.", "Use an undamaged copy.")
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)


def _of_clip(clip: ClipInfo) -> Iterator[Shown]:
    width, height = clip.upright_size
    convert = Converter(clip.pixel_format, clip.colour, width, height)

    def codes(frame: Frame) -> Picture:
        return as_codes(convert.to_rgb(frame.planes))

    with decode(clip, upright=True) as decoder:
        frames = iter(decoder)
        left = next(frames)
        shown = codes(left)
        for number, (true, right) in enumerate(zip(frames, frames, strict=False)):
            before, shown = shown, codes(right)
            t = (true.pts - left.pts) / (right.pts - left.pts)
            yield Shown(str(2 * number + 1), clip.path.name, before, codes(true), shown, t)
            left = right


def _checked(shown: Shown) -> Shown:
    name = f"{shown.group}, {shown.name}" if shown.group else shown.name
    sizes = {f"{picture.shape[1]}x{picture.shape[0]}" for picture in (shown.left, shown.true, shown.right)}
    if len(sizes) > 1:
        raise InputError(
            f"The pictures of the triplet {name} differ in size: {', '.join(sorted(sizes))}.",
            "Use a complete copy of the data set.",
        )
    if min(shown.size) < SSIM_WINDOW:
        raise InputError(
            f"The pictures of the triplet {name} are too small: {sizes.pop()}.",
            f"SSIM needs at least {SSIM_WINDOW}x{SSIM_WINDOW}.",
        )
    return shown

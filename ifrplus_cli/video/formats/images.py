"""Image sequences: find the images in a folder or by a pattern, put them in order, and read their headers."""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from ifrplus_cli.errors import InputError

KINDS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WebP", ".tif": "TIFF", ".tiff": "TIFF"}
READERS = ("PNG", "JPEG", "WEBP", "TIFF")  # Pillow's names
NUMBER = re.compile(r"%(?:0(\d))?d")  # in a pattern
NUMBERED = re.compile(r"(.*?)(\d+)(\D*)")
GLOB = re.compile(r"[*?\[]")
# The first and the last bytes of JPEG and PNG.
BEGIN_AND_END = ((b"\xff\xd8", b"\xff\xd9"), (b"\x89PNG", b"IEND"))
END_LIES_IN = 1024  # bytes at the end of a file
ORIENTATION = 0x0112  # in Exif and TIFF
TURNS = {
    2: "hflip",
    3: "hflip,vflip",
    4: "vflip",
    5: "transpose=cclock_flip",
    6: "transpose=clock",
    7: "transpose=clock_flip",
    8: "transpose=cclock",
}
LEAST = 2  # images that make up a film
FILMS = {
    *(".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".vob", ".ts", ".mts", ".m2ts"),
    *(".wmv", ".flv", ".3gp", ".mxf", ".dv", ".ogv"),
}


@dataclass(frozen=True)
class ImageHeader:
    """The properties of an image, from its header.

    Attributes:
        size: width and height in pixels, turned upright.
        samples: the kind of its samples: images that agree in it have the same pixel format.
        turn: ffmpeg filters that turn it upright; None if it is upright.
    """

    size: tuple[int, int]
    samples: tuple[object, ...]
    turn: str | None


def is_sequence(path: Path) -> bool:
    """Return whether a path names images instead of one file: a folder, or a pattern that is not a file's name."""
    try:
        if path.is_dir():
            return True
        return bool(NUMBER.search(path.name) or GLOB.search(path.name)) and not path.exists()
    except OSError:  # such as a name that is too long
        return False


def find_images(path: Path) -> tuple[Path, ...]:
    """Return the images of a folder or a pattern, in natural order.

    A folder and a pattern such as ``%04d.png`` must have no gap in the numbers; with ``*.png`` a gap is allowed.

    Raises:
        InputError: if there are fewer than two images, several kinds of images, or a gap in their numbers.
    """
    try:
        found = _listed(path)
    except ValueError as error:  # of two stars beside other letters
        raise InputError(
            f"{path} is not a pattern for images.", "Use one * in a name, as in 'frames/*.png'."
        ) from error
    except OSError as error:
        raise InputError(f"{error.filename} can't be read: {error.strerror}.", "Check the path.") from error
    if not found and (films := _films(path)):
        named = ", ".join(film.name for film in films[:3]) + (" and others" if len(films) > 3 else "")
        raise InputError(
            f"{path} has no images, but films: {named}.",
            f"Name the films, without quotes, and a folder as OUT: upsample {films[0].parent}/*{films[0].suffix} OUT/.",
        )
    if not found and not path.is_dir() and path.suffix.lower() in FILMS:
        raise InputError(f"No file matches {path}.", "Check the pattern.")
    if len(found) < LEAST:
        number = "only one image" if found else "no image"
        raise InputError(
            f"There is {number} (PNG, JPEG, WebP or TIFF) in {path}.",
            "Give a folder of images, or a pattern such as frames/%04d.png or 'frames/*.png'.",
        )
    kinds = Counter(KINDS[file.suffix.lower()] for file in found)
    if len(kinds) > 1:
        counts = " and ".join(f"{count} {kind}" for kind, count in kinds.most_common())
        raise InputError(f"There are {counts} images in {path}.", f"Use a pattern such as '{path}/*{found[0].suffix}'.")
    if not GLOB.search(path.name) or path.is_dir():
        check_numbers(found, f"Add the missing ones, or use '{found[0].parent}/*{found[0].suffix}' to ignore gaps.")
    return tuple(found)


def _films(path: Path) -> list[Path]:
    """The films in a folder, or that a pattern names."""
    found = path.iterdir() if path.is_dir() else path.parent.glob(path.name)
    return in_order(file for file in found if file.suffix.lower() in FILMS and file.is_file())


def _listed(path: Path) -> list[Path]:
    if path.is_dir():
        names = re.compile(".*")
    elif found := NUMBER.search(path.name):
        digits = rf"\d{{{found[1] or 1},}}"
        names = re.compile(re.escape(path.name[: found.start()]) + digits + re.escape(path.name[found.end() :]))
    else:
        return in_order(file for file in path.parent.glob(path.name) if _is_image(file))
    folder = path if path.is_dir() else path.parent
    return in_order(file for file in folder.iterdir() if names.fullmatch(file.name) and _is_image(file))


def _is_image(file: Path) -> bool:
    return file.suffix.lower() in KINDS and file.is_file()


def in_order(files: Iterable[Path]) -> list[Path]:
    """Return files in natural order, without hidden ones."""
    return sorted((file for file in files if not file.name.startswith(".")), key=natural)


def natural(path: Path) -> list[list[str | int]]:
    """Return a sort key by which 2 comes before 10, and a name that is -1 before one that is 0."""
    parts = (re.split(r"(^-\d+|\d+)", name) for name in path.parts)
    return [[int(part) if place % 2 else part for place, part in enumerate(found)] for found in parts]


def check_numbers(files: Sequence[Path], hint: str) -> None:
    """Refuse a gap in the numbers: it would pair images that are not neighbours.

    Args:
        files: in order.
        hint: what to do about a gap.

    Raises:
        InputError: if there is a gap.
    """
    found = [NUMBERED.fullmatch(file.name) for file in files]
    numbers = [int(name[2]) for name in found if name]
    if len(numbers) < len(files) or len({(name[1], name[3]) for name in found if name}) > 1:
        return
    step = numbers[1] - numbers[0]
    for (before, file), (after, _) in pairwise(zip(numbers, files, strict=True)):
        if after - before != step:
            raise InputError(f"The frames of {file.parent} have a gap after {file.name}.", hint)


def read_headers(files: Sequence[Path]) -> list[ImageHeader]:
    """Read the header of each image; pixels are not decoded.

    Raises:
        InputError: naming an image that can't be read, is cut short, or differs in size from the first one.
    """
    headers = [_read_header(file) for file in files]
    for file, header in zip(files, headers, strict=True):
        if (header.size, header.turn) != (headers[0].size, headers[0].turn):
            raise InputError(
                f"The images of {file.parent} differ: {files[0].name} has {_size_text(headers[0])}, and {file.name} "
                f"{_size_text(header)}.",
                "Use images of one size and one orientation.",
            )
    return headers


def _size_text(header: ImageHeader) -> str:
    width, height = header.size
    return f"{width}x{height}, turned by its Exif data" if header.turn else f"{width}x{height}"


def _read_header(file: Path) -> ImageHeader:
    from PIL import Image

    try:
        if is_cut_short(file):
            raise InputError(f"The image {file} is cut short.", "Use an undamaged copy.")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # large images are welcome
            with Image.open(file, formats=READERS) as image:
                return _header(image)
    except OSError as error:
        reason = error.strerror or "it is damaged, or of another kind than its name says"
        raise InputError(
            f"The image {file} can't be read: {reason}.", "Use an undamaged copy, or remove it."
        ) from error
    except (ValueError, TypeError, KeyError, SyntaxError, Image.DecompressionBombError) as error:
        raise InputError(f"The image {file} can't be read: it is damaged.", "Use an undamaged copy.") from error


def _header(image: Any) -> ImageHeader:
    tags = getattr(image, "tag_v2", None) or (image.getexif() if image.format in {"JPEG", "MPO"} else {})
    turn = TURNS.get(tags.get(ORIENTATION, 1))
    width, height = image.size
    if turn is not None and "transpose" in turn:
        width, height = height, width
    arguments = image.tile[0].args if image.tile else ()
    raw_mode = arguments if isinstance(arguments, str) else tuple(arguments)[:1]
    samples = (image.mode, raw_mode, "transparency" in image.info, str(getattr(image, "layer", "")))
    return ImageHeader((width, height), samples, turn)


def is_cut_short(file: Path) -> bool:
    """Return whether the end of an image is missing, as far as its format shows.

    Raises:
        OSError: if the file can't be read.
    """
    with file.open("rb") as content:
        begin, size = content.read(12), content.seek(0, 2)
        content.seek(max(0, size - END_LIES_IN))
        end = content.read()
    if begin.startswith(b"RIFF"):
        return size < 8 + int.from_bytes(begin[4:8], "little")
    return size == 0 or any(begin.startswith(first) and last not in end for first, last in BEGIN_AND_END)

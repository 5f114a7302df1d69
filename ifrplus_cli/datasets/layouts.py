"""Find the triplets of data sets, two pictures and the true one between them, in the layouts that the field uses."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ifrplus_cli.errors import InputError
from ifrplus_cli.values import ClipInfo
from ifrplus_cli.video.formats.images import check_numbers, in_order, natural
from ifrplus_cli.video.reading.probe import probe

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".ppm", ".webp"})
CLIPS = frozenset({".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".y4m"})
VIMEO_LIST, VIMEO_TRAINING_LIST = "tri_testlist.txt", "tri_trainlist.txt"
SNU_FILM_LISTS = {f"test-{group}.txt": group for group in ("easy", "medium", "hard", "extreme")}
TRIPLET = 3  # pictures

LAYOUTS = {
    "vimeo-triplet": "Vimeo-90K triplets",
    "ucf101": "UCF101",
    "snu-film": "SNU-FILM",
    "middlebury": "Middlebury",
    "triplets": "folders of three pictures",
    "sequences": "numbered frames, every second one dropped",
    "clips": "clips, every second frame dropped",
}


@dataclass(frozen=True)
class Triplet:
    """Three picture files; the true picture lies half-way between the others.

    Attributes:
        name: its name in the group.
        group: the group for which a separate mean is reported; empty if there are no groups.
    """

    name: str
    group: str
    left: Path
    true: Path
    right: Path


@dataclass(frozen=True)
class Dataset:
    """A data set whose middle pictures are made again.

    Attributes:
        layout: one of ``LAYOUTS``.
        triplets: empty for clips.
        clips: clips whose frames form triplets; every second frame is dropped.
    """

    path: Path
    layout: str
    triplets: tuple[Triplet, ...] = ()
    clips: tuple[ClipInfo, ...] = ()

    @property
    def count(self) -> int:
        """Number of triplets; for clips, as far as their packets show."""
        return len(self.triplets) + sum((len(clip.packet_pts) - 1) // 2 for clip in self.clips)


def find_dataset(path: Path) -> Dataset:
    """Recognise the layout of a data set, and find its triplets; pictures are not opened.

    Raises:
        InputError: if there are none, or a required picture is missing.
    """
    with _reporting_unreadable():
        dataset = _recognise(path)
    _check_complete(dataset)
    return dataset


def find_training_set(path: Path) -> Dataset:
    """Do the same as ``find_dataset``, but take the training triplets of Vimeo-90K."""
    if not (path / VIMEO_TRAINING_LIST).is_file():
        return find_dataset(path)
    with _reporting_unreadable():
        dataset = _vimeo(path, VIMEO_TRAINING_LIST)
    assert dataset is not None
    _check_complete(dataset)
    return dataset


@contextmanager
def _reporting_unreadable() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(f"{error.filename} can't be read: {error.strerror}.", "Check the path.") from error


def _recognise(path: Path) -> Dataset:
    if path.is_file() and path.suffix.lower() in CLIPS:
        return _clips(path, [path])
    if not path.is_dir():
        raise InputError(f"{path} is not a folder.", "Give the folder of a data set.")
    makers: tuple[Callable[[Path], Dataset | None], ...] = (_vimeo, _snu_film, _middlebury, _ucf101, _folders)
    if found := next((dataset for maker in makers if (dataset := maker(path))), None):
        return found
    if clips := [file for file in in_order(path.iterdir()) if file.suffix.lower() in CLIPS]:
        return _clips(path, clips)
    raise InputError(
        f"There are no triplets, frames or clips in {path}.",
        "Give the folder of Vimeo-90K, UCF101, SNU-FILM or Middlebury, one with three pictures or numbered frames in "
        "each sub-folder, or one of clips.",
    )


def _vimeo(path: Path, names_file: str = VIMEO_LIST) -> Dataset | None:
    if not (path / names_file).is_file():
        return None
    names = [line.strip() for line in _lines(path / names_file)]
    pictures = ("im1.png", "im2.png", "im3.png")
    return Dataset(path, "vimeo-triplet", tuple(_named(name, path / "sequences" / name, pictures) for name in names))


def _named(name: str, folder: Path, pictures: Iterable[str]) -> Triplet:
    """Return a triplet whose pictures have fixed names in a folder of their own."""
    left, true, right = (folder / picture for picture in pictures)
    return Triplet(name, "", left, true, right)


def _snu_film(path: Path) -> Dataset | None:
    """Read lists of three paths per line; the paths may begin above the folder of the data set."""
    homes = [path, path / "eval_modes"]
    lists = {group: home / name for home in homes for name, group in SNU_FILM_LISTS.items() if (home / name).is_file()}
    if not lists:
        return None
    triplets = tuple(triplet for group, file in lists.items() for triplet in _snu_film_list(path, group, file))
    return Dataset(path, "snu-film", triplets)


def _snu_film_list(path: Path, group: str, file: Path) -> Iterator[Triplet]:
    for number, line in enumerate(_lines(file), 1):
        words = line.split()
        if len(words) != TRIPLET:
            raise InputError(f"Line {number} of {file} does not name three pictures.", "Correct the list.")
        left, true, right = (_below(path, Path(word)) for word in words)
        yield Triplet("/".join(true.with_suffix("").parts[-2:]), group, left, true, right)


def _below(path: Path, named: Path) -> Path:
    """Return the file at the longest suffix of a path that exists; at the whole path if none does."""
    parts = named.parts
    ends = (path.joinpath(*parts[start:]) for start in range(len(parts)))
    return next((end for end in ends if end.is_file()), path / named)


def _middlebury(path: Path) -> Dataset | None:
    truths, frames = path / "other-gt-interp", path / "other-data"
    if not truths.is_dir():
        return None
    files = [folder / "frame10i11.png" for folder in in_order(truths.iterdir())]
    found = [(true, frames / true.parent.name) for true in files if true.is_file()]
    triplets = (Triplet(outer.name, "", outer / "frame10.png", true, outer / "frame11.png") for true, outer in found)
    return Dataset(path, "middlebury", tuple(triplets))


def _ucf101(path: Path) -> Dataset | None:
    pictures = ("frame_00.png", "frame_01_gt.png", "frame_02.png")
    folders = [folder for folder in in_order(path.iterdir()) if (folder / pictures[1]).is_file()]
    if not folders:
        return None
    return Dataset(path, "ucf101", tuple(_named(folder.name, folder, pictures) for folder in folders))


def _folders(path: Path) -> Dataset | None:
    """Read folders of three pictures, or of frames in order."""
    folders = {folder: pictures for folder, pictures in _walk(path) if pictures}
    if not folders:
        return None
    for folder, pictures in folders.items():
        if len(pictures) < TRIPLET:
            raise InputError(
                f"There are only {len(pictures)} pictures in {folder}, and three are needed.", "Remove the folder."
            )
    cut = _every_second if any(len(pictures) > TRIPLET for pictures in folders.values()) else _one_each
    triplets = (triplet for folder, pictures in folders.items() for triplet in cut(_name(folder, path), pictures))
    return Dataset(path, "sequences" if cut is _every_second else "triplets", tuple(triplets))


def _one_each(name: str, pictures: list[Path]) -> Iterator[Triplet]:
    left, true, right = pictures
    yield Triplet(name, "", left, true, right)


def _every_second(name: str, pictures: list[Path]) -> Iterator[Triplet]:
    check_numbers(pictures, "Complete them, or put them in separate folders.")
    for left, true, right in zip(pictures[::2], pictures[1::2], pictures[2::2], strict=False):
        yield Triplet(true.stem, name, left, true, right)


def _clips(path: Path, files: list[Path]) -> Dataset:
    clips = tuple(probe(file) for file in files)
    for clip in clips:
        if len(clip.packet_pts) < TRIPLET:
            raise InputError(f"{clip.path} has fewer than three frames.", "Give a longer clip, or leave it out.")
    return Dataset(path, "clips", clips=clips)


def _check_complete(dataset: Dataset) -> None:
    if not dataset.count:
        raise InputError(f"No triplet is named in {dataset.path}.", "Use a complete copy of the data set.")
    needed = [(triplet, file) for triplet in dataset.triplets for file in (triplet.left, triplet.true, triplet.right)]
    missing = [(triplet, file) for triplet, file in needed if not file.is_file()]
    if missing:
        triplet, file = missing[0]
        others = f", and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise InputError(
            f"The picture {file} of the triplet {triplet.name} is missing{others}.",
            "Use a complete copy of the data set.",
        )


def _lines(file: Path) -> list[str]:
    """Return the non-empty lines of a list; bytes that are not text become names that no file has."""
    return [line for line in file.read_text("utf-8", errors="replace").splitlines() if line.strip()]


def _walk(path: Path) -> Iterator[tuple[Path, list[Path]]]:
    """Yield all folders with the pictures in them, in natural order, except hidden ones."""
    found = [
        (Path(folder), in_order(Path(folder, name) for name in names if Path(name).suffix.lower() in SUFFIXES))
        for folder, _, names in os.walk(path, onerror=_give_up)
        if not any(part.startswith((".", "__")) for part in Path(folder).relative_to(path).parts)
    ]
    yield from sorted(found, key=lambda entry: natural(entry[0]))


def _give_up(error: OSError) -> None:
    """Raise the error, so that an unreadable folder is not silently left out."""
    raise error


def _name(folder: Path, path: Path) -> str:
    return folder.name if folder == path else folder.relative_to(path).as_posix()

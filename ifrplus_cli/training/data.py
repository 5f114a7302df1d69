"""Choose the training data of a run, and separate validation data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ifrplus_cli.datasets.layouts import CLIPS, Triplet, find_dataset, find_training_set
from ifrplus_cli.errors import InputError
from ifrplus_cli.training.examples import ExampleSource, TripletSource
from ifrplus_cli.training.footage import Footage, Stretch
from ifrplus_cli.training.synthetic import SyntheticMotion
from ifrplus_cli.values import ClipInfo
from ifrplus_cli.video.reading.interlace import deinterlaced
from ifrplus_cli.video.reading.probe import probe

HELD_OUT = 0.1  # share of each film, at its end, that is held out for validation
LEAST_HELD_OUT, LEAST_FRAMES = 5, 12  # frames; nothing of a shorter film is held out
NOTHING_HELD_OUT = "that is too little to hold any out: the validation sees what is learnt"
EVERY = 20  # one triplet out of so many is held out if the data set has no split of its own


@dataclass(frozen=True)
class Material:
    """Sources of examples.

    Attributes:
        learnt, validated: for training and for validation.
        description: a sentence about both.
    """

    learnt: ExampleSource
    validated: ExampleSource
    description: str


def from_videos(folder: Path, crop: int, seed: int, validate: Path | None) -> Material:
    """Use the films of a folder, or one film; the last tenth of each is used for validation only.

    Args:
        folder: a folder of films, or a film.
        crop: side of a crop in pixels.
        seed: random seed.
        validate: separate validation data, so that all films can be used for training.

    Raises:
        InputError: if there is no film, or names one that can't be used.
    """
    clips = [_progressive(probe(file)) for file in _films(folder)]
    if validate:
        learnt = [Stretch(clip, 0, len(clip.packet_pts)) for clip in clips]
        return Material(Footage(learnt, crop, seed), to_validate(validate, crop), _summary(learnt))
    learnt, ends = [], []
    for clip in clips:
        count = len(clip.packet_pts)
        kept = max(round(HELD_OUT * count), LEAST_HELD_OUT) if count >= LEAST_FRAMES else 0
        learnt.append(Stretch(clip, 0, count - kept))
        if kept:
            ends.append(Stretch(clip, count - kept, kept))
    of_films = "each" if len(ends) == len(clips) else f"{len(ends)} of them"
    held_out = f"the end of {of_films} is held out for validation" if ends else NOTHING_HELD_OUT
    description = f"{_summary(learnt)}; {held_out}"
    return Material(Footage(learnt, crop, seed), Footage(ends or learnt, crop, 0), description)


def _summary(learnt: Sequence[Stretch]) -> str:
    films = "1 film" if len(learnt) == 1 else f"{len(learnt)} films"
    return f"{films}, {sum(stretch.count for stretch in learnt)} training frames"


def _progressive(clip: ClipInfo) -> ClipInfo:
    # Only marked films are examined: it would take too long for all of them.
    return deinterlaced(clip, None) if clip.interlaced else clip


def _films(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise InputError(f"{path} is not a folder.", "Give a folder of films.")
    found = sorted(file for file in path.rglob("*") if file.suffix.lower() in CLIPS and not file.name.startswith("."))
    if not found:
        raise InputError(f"There are no films in {path}.", "Give a folder of films, such as .mp4, .mov or .mkv.")
    return found


def from_triplets(folder: Path, crop: int, seed: int, validate: Path | None) -> Material:
    """Use a data set of triplets, split by its own lists; otherwise one triplet out of twenty is held out.

    Args:
        folder: folder of the data set.
        crop: side of a crop in pixels.
        seed: random seed.
        validate: separate validation data, so that all triplets can be used for training.

    Raises:
        InputError: if there are none, or a required picture is missing.
    """
    learnt = find_training_set(folder).triplets
    if not learnt:
        raise InputError(f"There are no triplets of pictures in {folder}.", "Give films with --videos.")
    if validate:
        return Material(TripletSource(learnt, seed), to_validate(validate, crop), f"{len(learnt)} training triplets")
    held_out = _other_triplets(folder, learnt) or learnt[::EVERY]
    known = set(held_out)
    rest = tuple(triplet for triplet in learnt if triplet not in known)
    if not rest:
        description = f"1 training triplet; {NOTHING_HELD_OUT}"
        return Material(TripletSource(learnt, seed), TripletSource(learnt, 0), description)
    description = f"{len(rest)} training triplets, {len(held_out)} for validation"
    return Material(TripletSource(rest, seed), TripletSource(held_out, 0), description)


def _other_triplets(folder: Path, learnt: Sequence[Triplet]) -> tuple[Triplet, ...]:
    """Return the triplets of the data set that are not meant for training."""
    try:
        found = find_dataset(folder).triplets
    except InputError:
        return ()
    known = {(triplet.left, triplet.true, triplet.right) for triplet in learnt}  # another layout gives other names
    return tuple(triplet for triplet in found if (triplet.left, triplet.true, triplet.right) not in known)


def synthetic(crop: int, seed: int, validate: Path | None) -> Material:
    """Use generated motion."""
    other = to_validate(validate, crop) if validate else SyntheticMotion(crop, seed + 1)
    return Material(SyntheticMotion(crop, seed), other, "generated motion")


def to_validate(path: Path, crop: int) -> ExampleSource:
    """Use all of a data set, or of films, for validation.

    Raises:
        InputError: as in ``from_videos`` and ``from_triplets``.
    """
    dataset = find_dataset(path)
    if dataset.triplets:
        return TripletSource(dataset.triplets, 0)
    return Footage([Stretch(_progressive(clip), 0, len(clip.packet_pts)) for clip in dataset.clips], crop, 0)

"""What a run learns from, and what it is validated on, which it never learns from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ifrplus_cli.datasets.layouts import CLIPS, Triplet, find_dataset, find_training_set
from ifrplus_cli.errors import InputError
from ifrplus_cli.training.examples import Source, TripletSource
from ifrplus_cli.training.footage import Footage, Stretch
from ifrplus_cli.training.synthetic import SyntheticMotion
from ifrplus_cli.values import ClipInfo
from ifrplus_cli.video.interlace import untangle
from ifrplus_cli.video.probe import probe

HELD_OUT = 0.1  # of each film, its end, for validation
LEAST_HELD_OUT, LEAST_FRAMES = 5, 12  # frames; a shorter film is all learnt from
EVERY = 20  # a triplet of so many is held out, where the data set does not say which


@dataclass(frozen=True)
class Material:
    """Sources of examples.

    Attributes:
        learnt, validated: for training and for validation.
        told: both in words.
    """

    learnt: Source
    validated: Source
    told: str


def from_videos(folder: Path, crop: int, seed: int, validate: Path | None) -> Material:
    """Films of a folder, or one film; the last tenth of each is for validation alone.

    Args:
        validate: what is validated on, so that everything else can be learnt from.

    Raises:
        InputError: if there is none, or names one that can't be learnt from.
    """
    clips = [_opened(file) for file in _films(folder)]
    if validate:
        learnt = [Stretch(clip, 0, len(clip.packet_pts)) for clip in clips]
        return Material(Footage(learnt, crop, seed), to_validate(validate, crop), _told(learnt))
    learnt, ends = [], []
    for clip in clips:
        count = len(clip.packet_pts)
        kept = max(round(HELD_OUT * count), LEAST_HELD_OUT) if count >= LEAST_FRAMES else 0
        learnt.append(Stretch(clip, 0, count - kept))
        if kept:
            ends.append(Stretch(clip, count - kept, kept))
    told = f"{_told(learnt)}; the end of each is for validation"
    return Material(Footage(learnt, crop, seed), Footage(ends or learnt, crop, 0), told)


def _told(learnt: Sequence[Stretch]) -> str:
    return f"{len(learnt)} films, {sum(stretch.count for stretch in learnt)} frames to learn from"


def _opened(file: Path) -> ClipInfo:
    clip = probe(file)
    return untangle(clip, None) if clip.interlaced else clip  # to look at the frames of each film takes too long


def _films(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise InputError(f"{path} is no folder.", "Give a folder of films.")
    found = sorted(file for file in path.rglob("*") if file.suffix.lower() in CLIPS and not file.name.startswith("."))
    if not found:
        raise InputError(f"There are no films in {path}.", "Give a folder of films, such as .mp4, .mov or .mkv.")
    return found


def from_triplets(folder: Path, crop: int, seed: int, validate: Path | None) -> Material:
    """A data set of triplets, split by its own lists, or one of twenty held out.

    Args:
        validate: what is validated on, so that all triplets can be learnt from.

    Raises:
        InputError: if there is none, or a picture that must be there is missing.
    """
    learnt = find_training_set(folder).triplets
    if not learnt:
        raise InputError(f"There are no triplets of pictures in {folder}.", "Give films with --videos.")
    if validate:
        return Material(
            TripletSource(learnt, seed), to_validate(validate, crop), f"{len(learnt)} triplets to learn from"
        )
    held_out = _other_triplets(folder, learnt) or learnt[::EVERY]
    rest = tuple(triplet for triplet in learnt if triplet not in set(held_out)) or learnt
    told = f"{len(rest)} triplets to learn from, {len(held_out)} for validation"
    return Material(TripletSource(rest, seed), TripletSource(held_out, 0), told)


def _other_triplets(folder: Path, learnt: Sequence[Triplet]) -> tuple[Triplet, ...]:
    """Those of the data set that are not there to train on."""
    try:
        found = find_dataset(folder).triplets
    except InputError:
        return ()
    known = set(learnt)
    return tuple(triplet for triplet in found if triplet not in known)


def synthetic(crop: int, seed: int, validate: Path | None) -> Material:
    """Generated motion."""
    other = to_validate(validate, crop) if validate else SyntheticMotion(crop, seed + 1)
    return Material(SyntheticMotion(crop, seed), other, "generated motion")


def to_validate(path: Path, crop: int) -> Source:
    """A data set, or films, all of it.

    Raises:
        InputError: as the others do.
    """
    dataset = find_dataset(path)
    if dataset.triplets:
        return TripletSource(dataset.triplets, 0)
    return Footage([Stretch(clip, 0, len(clip.packet_pts)) for clip in dataset.clips], crop, 0)

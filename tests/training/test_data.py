"""What a run learns from and what it is validated on never overlap."""

from __future__ import annotations

from pathlib import Path

import pytest
from clips import make_clip
from triplet_folders import write_triplet

from ifrplus_cli.errors import InputError
from ifrplus_cli.training.data import EVERY, from_triplets, from_videos, synthetic, to_validate
from ifrplus_cli.training.examples import TripletSource
from ifrplus_cli.training.footage import Footage
from ifrplus_cli.training.synthetic import SyntheticMotion

SIZES = ((64, 64),) * 3


def test_the_end_of_a_film_is_never_learnt_from(tmp_path: Path) -> None:
    make_clip(tmp_path / "long.mkv", frames=60, size="64x64")
    make_clip(tmp_path / "short.mkv", frames=8, size="64x64")
    material = from_videos(tmp_path, 64, 1, None)
    assert material.description == "2 films, 62 training frames; the end of 1 of them is held out for validation"
    learnt, held_out = material.learnt._stretches, material.validated._stretches  # type: ignore[attr-defined]
    assert [(stretch.first, stretch.count) for stretch in learnt] == [(0, 54), (0, 8)]
    assert [(stretch.first, stretch.count) for stretch in held_out] == [(54, 6)]


def test_all_of_the_films_is_learnt_from_where_something_else_validates(tmp_path: Path) -> None:
    film = make_clip(tmp_path / "film.mkv", frames=20, size="64x64")
    write_triplet(tmp_path / "set" / "a", *SIZES)
    material = from_videos(film, 64, 1, tmp_path / "set")
    assert isinstance(material.learnt, Footage) and isinstance(material.validated, TripletSource)
    assert [(stretch.first, stretch.count) for stretch in material.learnt._stretches] == [(0, 20)]


def test_one_of_twenty_triplets_is_held_out(tmp_path: Path) -> None:
    for number in range(2 * EVERY + 1):
        write_triplet(tmp_path / f"{number:03}", *SIZES)
    material = from_triplets(tmp_path, 64, 1, None)
    assert material.description == f"{2 * EVERY - 2} training triplets, 3 for validation"
    learnt, held_out = (
        {triplet.name for triplet in source._triplets}  # type: ignore[attr-defined]
        for source in (material.learnt, material.validated)
    )
    assert not learnt & held_out


def test_the_test_triplets_of_vimeo_are_held_out_or_those_of_no_list(tmp_path: Path) -> None:
    names = [f"00001/{number:04}" for number in range(EVERY + 2)]
    for name in names:
        write_triplet(tmp_path / "sequences" / name, *SIZES)
    (tmp_path / "tri_trainlist.txt").write_text("\n".join(names[:EVERY]))
    assert from_triplets(tmp_path, 64, 1, None).description == f"{EVERY} training triplets, 2 for validation"
    (tmp_path / "tri_trainlist.txt").write_text("\n".join(names))
    assert from_triplets(tmp_path, 64, 1, None).description == f"{EVERY} training triplets, 2 for validation"
    (tmp_path / "tri_testlist.txt").write_text(names[-1])
    (tmp_path / "tri_trainlist.txt").write_text("\n".join(names[:-1]))
    assert from_triplets(tmp_path, 64, 1, None).description == f"{EVERY + 1} training triplets, 1 for validation"


def test_what_is_too_little_to_hold_any_out_is_said(tmp_path: Path) -> None:
    make_clip(tmp_path / "short.mkv", frames=8, size="64x64")
    assert from_videos(tmp_path, 64, 1, None).description.endswith("the validation sees what is learnt")
    write_triplet(tmp_path / "a", *SIZES)
    assert from_triplets(tmp_path, 64, 1, None).description.endswith("the validation sees what is learnt")


def test_what_cannot_be_learnt_from_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="There are no films in"):
        from_videos(tmp_path, 64, 1, None)
    with pytest.raises(InputError, match="is not a folder"):
        from_videos(tmp_path / "none", 64, 1, None)
    make_clip(tmp_path / "film.mkv", frames=6, size="64x64")
    with pytest.raises(InputError, match="There are no triplets"):
        from_triplets(tmp_path, 64, 1, None)
    assert isinstance(to_validate(tmp_path, 64), Footage)


def test_generated_motion_is_validated_on_other_motion() -> None:
    material = synthetic(64, 1, None)
    assert isinstance(material.learnt, SyntheticMotion)
    assert (material.learnt.example(0).true != material.validated.example(0).true).any()

"""Examples of a data set: the same one for the same number, and as many cached as memory allows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from triplet_folders import write_triplet

from ifrplus_cli.datasets.layouts import Triplet, find_dataset
from ifrplus_cli.training import examples
from ifrplus_cli.training.examples import TripletSource

SIZE = (64, 96)
PICTURES = 3 * 64 * 96 * 3  # bytes of the three of a triplet


@pytest.mark.parametrize(("room", "made"), [(2**20, 4), (int(2.5 * PICTURES), 6), (0, 8)])
def test_triplets_are_cached_as_far_as_there_is_room(
    room: int, made: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        write_triplet(tmp_path / str(number), SIZE, SIZE, SIZE)
    asked: list[Triplet] = []
    make = examples._made
    monkeypatch.setattr(examples, "REMEMBERED", room)
    monkeypatch.setattr(examples, "_made", lambda triplet: asked.append(triplet) or make(triplet))
    source = TripletSource(find_dataset(tmp_path).triplets, seed=0)
    pictures = [source.example(number).true for number in range(8)]
    assert len(asked) == made, "of two epochs of four"
    again = TripletSource(find_dataset(tmp_path).triplets, seed=0)
    assert all(np.array_equal(again.example(number).true, picture) for number, picture in enumerate(pictures))

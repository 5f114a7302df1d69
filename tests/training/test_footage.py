"""Examples from films: the same one for the same number, only from moving parts, at exact times."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from clips import ffmpeg, make_clip

from ifrplus_cli.errors import InputError
from ifrplus_cli.frames import synthetic_scene
from ifrplus_cli.frames.pictures import as_codes
from ifrplus_cli.training.footage import Footage, Stretch, Window
from ifrplus_cli.video.reading.probe import probe


def textures(count: int, shift: int, seed: int = 0) -> list[np.ndarray]:
    """Frames of a texture that moves to the left by ``shift`` pixels a frame."""
    texture = as_codes(synthetic_scene.texture(np.random.default_rng(seed), 256, 96))
    return [np.ascontiguousarray(texture[:, shift * k : shift * k + 96]) for k in range(count)]


def test_triplets_avoid_cuts_and_what_stands_still() -> None:
    frames = textures(4, 3) + textures(3, 0, seed=1) + textures(3, 3, seed=2)
    window = Window(tuple(frames), tuple(k / 25 for k in range(10)))
    assert set(window.places) == {(0, 1, 2), (1, 2, 3), (0, 1, 3), (0, 2, 3), (7, 8, 9)}


def test_examples_know_their_time_and_their_motion() -> None:
    window = Window(tuple(textures(4, 3)), (0.0, 0.1, 0.15, 0.2))
    places = window.places
    example = window.example(places.index((0, 1, 2)))
    assert example.t == pytest.approx(2 / 3)
    example = window.example(places.index((0, 2, 3)))
    inner = example.flows[:, 6:-6, 6:-6].mean((1, 2))
    np.testing.assert_allclose(inner[4:8], [6, 0, -3, 0], atol=0.5)  # the teacher's


def test_a_triplet_is_made_into_an_example_once() -> None:
    window = Window(tuple(textures(4, 3)), (0.0, 0.1, 0.15, 0.2))
    count = len(window.places)
    assert window.example(1) is window.example(1 + count)
    assert window.example(count - 1) is not window.example(0)


def test_the_example_of_a_number_is_always_the_same(tmp_path: Path) -> None:
    clip = probe(make_clip(tmp_path / "film.mkv", frames=20, size="96x80"))
    footage = [Footage([Stretch(clip, 0, 20)], 64, seed=3) for _ in range(2)]
    one, other = footage[0].example(7), footage[1].example(7)
    assert np.array_equal(one.true, other.true) and np.array_equal(one.flows, other.flows)
    assert min(one.true.shape[:2]) >= 64


def test_a_film_without_motion_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    still = tmp_path / "still.mkv"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=size=96x80:rate=25,trim=end_frame=1,loop=20:1", "-c:v", "ffv1", still)
    monkeypatch.setattr("ifrplus_cli.training.footage.DRAWS", 2)
    with pytest.raises(InputError, match=r"No motion was found in 2 places of still\.mkv"):
        Footage([Stretch(probe(still), 0, 20)], 64, 1).example(0)

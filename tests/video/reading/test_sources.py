"""What is read: its files, what it can tell, and the same under another name."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from clips import make_animation, make_clip

from ifrplus_cli.values import ClipInfo
from ifrplus_cli.video.reading.decode import decode
from ifrplus_cli.video.reading.probe import probe


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ClipInfo]:
    """One clip of each kind."""
    folder = tmp_path_factory.mktemp("sources")
    (folder / "images").mkdir()
    for number in range(3):
        make_clip(folder / "images" / f"{number}.png", frames=1, codec="png", pix_fmt="rgb24")
    return {
        "film": probe(make_clip(folder / "film.mkv", codec="ffv1")),
        "gif": probe(make_animation(folder / "a.gif", plays=3)),
        "webp": probe(make_animation(folder / "a.webp", plays=3)),
        "images": probe(folder / "images", Fraction(25)),
    }


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("film", (1, None, None, True, True)),
        ("gif", (1, None, 3, True, False)),
        ("webp", (1, None, 3, False, False)),
        ("images", (3, ".png", None, False, False)),
    ],
)
def test_each_kind_says_what_it_is(kind: str, told: tuple[object, ...], clips: dict[str, ClipInfo]) -> None:
    source = clips[kind].source
    assert (len(source.files), source.image_suffix, source.plays, source.has_streams, source.is_video) == told


@pytest.mark.parametrize("kind", ["film", "gif", "webp", "images"])
def test_each_kind_is_decoded_and_measured_under_another_name_too(
    kind: str, clips: dict[str, ClipInfo], tmp_path: Path
) -> None:
    clip = clips[kind]
    other = tmp_path / clip.path.name
    clip.path.rename(other)
    moved = clip.moved(other)
    try:
        with decode(moved) as decoder:
            frames = list(decoder)
        assert [frame.pts for frame in frames] == list(clip.times)
        assert decoder.frames == len(moved.source.picture_sizes(moved)) == len(clip.packet_pts)
        assert min(moved.source.picture_sizes(moved)) > 0
        assert {file.parent for file in moved.source.files} <= {other, tmp_path}
    finally:
        other.rename(clip.path)


def test_a_webp_is_decoded_at_another_size(clips: dict[str, ClipInfo]) -> None:
    clip = replace(clips["webp"], width=32, height=24)
    with decode(clip) as decoder:
        assert {frame.planes[0].shape for frame in decoder} == {(24, 32)}

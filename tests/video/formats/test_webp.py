"""Animated WebP is read without ffmpeg; loop counts mean the same in every kind of animation."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from clips import animation_of, make_animation

from ifrplus_cli.errors import InputError
from ifrplus_cli.video.formats.webp import is_webp_animation, read_webp, set_duration, webp_frames
from ifrplus_cli.video.reading.decode import decode
from ifrplus_cli.video.reading.probe import probe
from ifrplus_cli.video.reading.trim import FrameNumber, cut_section


@pytest.fixture(scope="module")
def webp(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four frames of a tenth of a second, half of the picture nearly clear."""
    clear = "geq=r='r(X,Y)':g='g(X,Y)':b='b(X,Y)':a='if(lt(X,32),255,64)'"
    return make_animation(tmp_path_factory.mktemp("webp") / "a.webp", plays=3, filters=clear)


def test_headers_are_read_without_decoding(webp: Path) -> None:
    found = read_webp(webp)
    assert (found.width, found.height, found.alpha, found.plays) == (64, 48, True, 3)
    assert found.durations == (100,) * 4
    assert 0 < sum(found.frame_bytes) < webp.stat().st_size


def test_a_clip_of_it_has_its_times_and_its_alpha(webp: Path) -> None:
    clip = probe(webp)
    assert (clip.rate, clip.duration, clip.variable_rate) == (10, Fraction(2, 5), False)
    with decode(clip) as decoder:
        frames = list(decoder)
    assert [frame.pts for frame in frames] == [Fraction(n, 10) for n in range(4)]
    for frame, picture in zip(frames, animation_of(webp)[1], strict=True):
        green, blue, red, alpha = frame.planes
        np.testing.assert_array_equal(np.dstack([red, green, blue, alpha]), picture)


def test_a_part_of_it_begins_where_it_should(webp: Path) -> None:
    part = cut_section(probe(webp), FrameNumber(2), FrameNumber(3))
    with decode(part) as decoder:
        (frame,) = decoder
    assert frame.pts == Fraction(1, 5)
    np.testing.assert_array_equal(frame.planes[0], animation_of(webp)[1][2][..., 1])


def test_a_time_that_was_forgotten_is_what_browsers_make_of_it(webp: Path, tmp_path: Path) -> None:
    hurried = tmp_path / "a.webp"
    content = bytearray(webp.read_bytes())
    first = content.index(b"ANMF") + 8
    content[first + 12 : first + 15] = bytes(3)
    hurried.write_bytes(content)
    assert read_webp(hurried).durations == (100,) * 4


def test_the_last_frame_is_made_to_last(webp: Path, tmp_path: Path) -> None:
    longer = tmp_path / "a.webp"
    longer.write_bytes(webp.read_bytes())
    set_duration(longer, 1234)
    assert animation_of(longer)[0] == [100, 100, 100, 934]


@pytest.mark.parametrize("length", [30, 200, -10])
def test_one_that_is_cut_short_is_refused(length: int, webp: Path, tmp_path: Path) -> None:
    (tmp_path / "a.webp").write_bytes(webp.read_bytes()[:length])
    with pytest.raises(InputError):
        list(webp_frames(tmp_path / "a.webp"))
    with pytest.raises(InputError, match=r"a\.webp"):
        probe(tmp_path / "a.webp")


def test_a_damaged_frame_is_named(webp: Path, tmp_path: Path) -> None:
    content = bytearray(webp.read_bytes())
    third = [place for place in range(len(content)) if content[place : place + 4] == b"ANMF"][2]
    content[third + 40 : third + 200] = bytes(160)
    (tmp_path / "a.webp").write_bytes(content)
    with (
        pytest.raises(InputError, match=r"Frame 2 of .*can't be decoded"),
        decode(probe(tmp_path / "a.webp")) as decoder,
    ):
        list(decoder)


@pytest.mark.parametrize("suffix", [".gif", ".apng", ".webp"])
@pytest.mark.parametrize("plays", [0, 1, 4])
def test_every_kind_tells_how_often_it_is_shown(plays: int, suffix: str, tmp_path: Path) -> None:
    path = make_animation(tmp_path / f"a{suffix}", frames=2, plays=plays)
    assert probe(path).source.plays == plays
    assert is_webp_animation(path) == (suffix == ".webp")

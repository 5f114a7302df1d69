"""Pieces of a film hold the frames of a section, at their times in the film."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from clips import make_clip, make_images

from ifrplus_cli.errors import InputError, StrayError
from ifrplus_cli.values import ClipInfo, Frame
from ifrplus_cli.video.reading.decode import decode
from ifrplus_cli.video.reading.film_piece import can_be_cut, cut_piece, piece_of
from ifrplus_cli.video.reading.probe import probe
from ifrplus_cli.video.reading.trim import frames_from

FIRST, KNOWN = 60, 10


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty seconds with a key frame every two, and frames that depend on later ones."""
    path = tmp_path_factory.mktemp("film") / "clip.mp4"
    reordered = ("-g", 10, "-bf", 2, "-preset", "fast", "-qp", 30)
    return make_clip(path, frames=100, rate="5", codec="libx264", output=reordered)


def first_frames(clip: ClipInfo, count: int) -> list[Frame]:
    with decode(clip) as decoder:
        return [frame for frame, _ in zip(decoder, range(count), strict=False)]


def test_a_piece_has_the_frames_of_its_section(film: Path, tmp_path: Path) -> None:
    part = frames_from(probe(film), FIRST, KNOWN)
    cut_piece(part, tmp_path / "piece.nut", part.packet_pts[-1] * part.time_base)
    assert (tmp_path / "piece.nut").stat().st_size < film.stat().st_size
    wanted = first_frames(part, KNOWN)
    found = first_frames(piece_of(part, tmp_path / "piece.nut"), KNOWN)
    assert [frame.pts for frame in found] == [frame.pts for frame in wanted] == list(part.times)
    assert all(np.array_equal(a.planes[0], b.planes[0]) for a, b in zip(found, wanted, strict=True))


def test_the_first_piece_keeps_the_times_though_packets_are_decoded_before_zero(film: Path, tmp_path: Path) -> None:
    clip = probe(film)
    cut_piece(clip, tmp_path / "piece.nut", None)
    found = first_frames(piece_of(clip, tmp_path / "piece.nut"), len(clip.packet_pts) + 1)
    assert [frame.pts for frame in found] == list(clip.times)
    assert found[0].pts == 0


def test_a_counted_section_must_have_its_number(film: Path) -> None:
    part = frames_from(probe(film), FIRST, KNOWN)
    assert part.section is not None
    counted = replace(part, section=replace(part.section, counted=True))
    assert [frame.pts for frame in first_frames(counted, KNOWN)] == list(part.times)
    astray = replace(part, section=replace(part.section, counted=True, number=FIRST - 1))
    with pytest.raises(StrayError, match="has 60 frames before frame 59"):
        first_frames(astray, 1)


def test_what_can_not_be_cut_is_known(film: Path, tmp_path: Path) -> None:
    assert can_be_cut(probe(film))
    assert not can_be_cut(probe(make_images(tmp_path / "images"), Fraction(5)))
    broken = film.with_name("broken.mp4")
    part = frames_from(probe(film), FIRST, KNOWN)
    with pytest.raises(InputError, match="can't be cut into pieces"):
        cut_piece(part.moved(broken), tmp_path / "piece.nut", None)

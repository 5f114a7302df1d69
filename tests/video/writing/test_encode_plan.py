"""What is decided before the first frame: what cannot be done is refused, and where the film begins."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from clips import BEEP, frame_times, make_clip, streams
from written import frames_at, plan, write

from ifrplus_cli.errors import OutputError


def test_a_rate_too_high_for_matroska_is_refused_before_the_run(clip: Path, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="millisecond"):
        plan(clip, tmp_path / "film.mkv", rate=Fraction(1001))
    assert plan(clip, tmp_path / "film.mp4", rate=Fraction(1001)).timing.rate == 1001


def test_a_broadcast_begins_near_zero(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "source.ts", codec="libx264", inputs=BEEP, output=("-c:a", "aac", "-t", "0.24"))
    film = write(plan(source, tmp_path / "film.mp4"), tmp_path / "film.mp4", frames_at(source))
    assert min(frame_times(film)[0], Fraction(streams(film, "audio")[0]["start_time"])) == 0

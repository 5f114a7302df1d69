"""What a person writes for an option, and what it means."""

from __future__ import annotations

from fractions import Fraction

import pytest
import typer

from ifrplus_cli.commands.options import parse_moment, parse_rate
from ifrplus_cli.video.reading.trim import FrameNumber


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("60", Fraction(60)),
        ("59.94", Fraction(60000, 1001)),
        ("119.88", Fraction(120000, 1001)),
        ("23.976", Fraction(24000, 1001)),
        ("23.98", Fraction(24000, 1001)),
        ("29.970", Fraction(30000, 1001)),
        ("47.952", Fraction(48000, 1001)),
        ("60000/1001", Fraction(60000, 1001)),
        ("12.5", Fraction(25, 2)),
        ("24.00", Fraction(24)),
        ("59.9", Fraction(599, 10)),
        ("ntsc", Fraction(30000, 1001)),
        ("NTSC-film", Fraction(24000, 1001)),
        ("film", Fraction(24)),
        ("pal", Fraction(25)),
    ],
)
def test_a_rate_is_exact(text: str, rate: Fraction) -> None:
    assert parse_rate(text) == rate


@pytest.mark.parametrize("text", ["", "fast", "0", "-25", "1/0", "1001", "1e9", "nan", "inf", "59.9400600", "60 fps"])
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        parse_rate(text)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("12.5", Fraction(25, 2)),
        ("90", Fraction(90)),
        ("1:02.25", Fraction(249, 4)),
        ("1:02:03.250", Fraction(14893, 4)),
        ("00:00:01", Fraction(1)),
        ("120f", FrameNumber(120)),
    ],
)
def test_a_moment_is_seconds_a_clock_time_or_a_frame(text: str, moment: object) -> None:
    assert parse_moment(text) == moment


@pytest.mark.parametrize("text", ["", "-1", "1:60", "1:2:3:4", "12.5f", "f", "1e3", "nan", "0:61:00"])
def test_what_is_not_a_time_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="is not a time"):
        parse_moment(text)

"""Timecode: numbered as SMPTE ST 12-1 does, of the first frame that is kept, in the new rate."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from clips import look_at, make_clip, streams
from upsampling import upsample

from ifrplus_cli.description import TimecodeTag
from ifrplus_cli.video.formats.timecode import Timecode, parse_timecode

NTSC = Fraction(30_000, 1001)


def written_out(base: int, minutes: int) -> list[str]:
    """Drop-frame timecodes, one after the other, by their definition."""
    every = (divmod(number, base) for number in range(60 * minutes * base))
    left_out = base // 15
    return [
        f"00:{second // 60:02}:{second % 60:02};{frame:02}"
        for second, frame in every
        if second % 60 or frame >= left_out or second // 60 % 10 == 0
    ]


@pytest.mark.parametrize("base", [30, 60])
def test_drop_frame_leaves_out_numbers_but_in_each_tenth_minute(base: int) -> None:
    expected = written_out(base, 12)
    assert [Timecode(n, base, drop=True).text for n in range(len(expected))] == expected


@pytest.mark.parametrize(
    ("text", "rate", "after", "new_rate", "expected"),
    [
        ("10:00:00:00", Fraction(25), 10, Fraction(50), "10:00:00:20"),
        ("00:00:59;28", NTSC, 2, 2 * NTSC, "00:01:00;04"),
        ("00:09:59;29", NTSC, 1, NTSC, "00:10:00;00"),
        ("23:59:59:24", Fraction(25), 1, Fraction(25), "00:00:00:00"),
        ("01:00:00:12", Fraction(24), 0, Fraction(60), "01:00:00:30"),
        ("01:00:00;12", NTSC, 0, Fraction(5, 2) * NTSC, "01:00:00:30"),  # 74.925 has no drop-frame
        ("01:00:00;12", NTSC, 0, Fraction(60), "01:00:00:24"),  # nor has 60
        ("23:59:59;29", NTSC, 1, NTSC, "00:00:00;00"),
    ],
)
def test_a_later_frame_at_another_rate(
    text: str, rate: Fraction, after: int, new_rate: Fraction, expected: str
) -> None:
    read = parse_timecode(TimecodeTag(text, rate))
    assert read is not None
    assert read.later(after).at_rate(new_rate).text == expected


@pytest.mark.parametrize("text", ["nonsense", "10:00:00:30", "10:00:00"])
def test_what_is_no_timecode(text: str) -> None:
    assert parse_timecode(TimecodeTag(text, Fraction(25))) is None


def timecodes(path: Path) -> set[str]:
    found = [stream.get("tags", {}) for stream in (*streams(path), look_at(path)["format"])]
    return {text for tags in found for name, text in tags.items() if name.lower() == "timecode"}


@pytest.mark.parametrize(
    ("name", "first", "options", "expected"),
    [
        ("film.mov", "10:00:00:00", {}, "10:00:00:00"),
        ("film.mov", "10:00:00:05", {"start": Fraction("0.08")}, "10:00:00:14"),
        ("film.mp4", "10:00:00:05", {"factor": 4}, "10:00:00:20"),
        ("film.mkv", "10:00:00:05", {"slow_motion": True}, "10:00:00:05"),
    ],
)
def test_the_film_has_the_timecode_of_its_first_frame(
    name: str, first: str, options: dict[str, object], expected: str, tmp_path: Path
) -> None:
    source = make_clip(tmp_path / "in.mov", codec="libx264", output=("-timecode", first))
    summary = upsample(source, tmp_path / name, **options)  # type: ignore[arg-type]
    assert timecodes(tmp_path / name) == {expected}
    assert summary.notes == ()
    assert len(streams(tmp_path / name)) == (1 if name.endswith("mkv") else 2)


def test_drop_frame_stays_drop_frame(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mov", codec="libx264", rate="30000/1001", output=("-timecode", "00:00:59;28"))
    upsample(source, tmp_path / "film.mov", start=2 / NTSC)
    assert timecodes(tmp_path / "film.mov") == {"00:01:00;04"}


def test_a_timecode_that_the_rate_has_no_numbers_for_is_named(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mov", codec="libx264", rate="60", output=("-timecode", "10:00:00:00"))
    summary = upsample(source, tmp_path / "film.mov", 5)
    assert timecodes(tmp_path / "film.mov") == set()
    assert any("The timecode 10:00:00:00 can't be stored" in note for note in summary.notes)

"""Facts that follow from ffprobe's output alone."""

from __future__ import annotations

from fractions import Fraction

import pytest

from ifrplus_cli.video.streams import is_variable, nominal_rate, ratio, read_times


@pytest.mark.parametrize(
    ("times", "durations", "last"),
    [
        ((67, 100, 134), (1, 1, 1), 0),  # a rate of 1000 is a guess of ffmpeg's at some Matroska and FLV files
        ((67, 100, 134), (0, 1, 1), 0),
        ((67, 100, 134), (33, 34, 1), 1),
        ((0, 1, 2), (1, 1, 1), 1),
        ((67,), (1,), 1),
    ],
)
def test_a_unit_that_all_packets_state_is_not_a_duration(
    times: tuple[int, ...], durations: tuple[int, ...], last: int
) -> None:
    packets = [{"pts": str(pts), "duration": str(d)} for pts, d in zip(times, durations, strict=True)]
    assert read_times(packets).last_duration == last


@pytest.mark.parametrize(
    ("text", "number"),
    [("30000/1001", Fraction(30000, 1001)), ("4:3", Fraction(4, 3)), ("0/0", None), ("0:1", None), ("", None)],
)
def test_a_ratio_is_a_number_or_nothing(text: str, number: Fraction | None) -> None:
    assert ratio(text) == number


def test_a_stated_rate_is_used_if_frames_keep_to_it() -> None:
    stated = {"r_frame_rate": "30000/1001", "avg_frame_rate": "30/1"}
    millisecond = Fraction(1, 1000)
    assert nominal_rate(stated, [0, 33, 67, 100], millisecond) == Fraction(30000, 1001)
    assert nominal_rate(stated, [0, 40, 80, 120], millisecond) == 25


def test_rounding_to_the_time_base_is_not_a_variable_rate() -> None:
    assert not is_variable([0, 33, 67, 100])
    assert is_variable([0, 33, 66, 100, 200])

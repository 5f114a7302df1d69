"""Facts that follow from ffprobe's output alone."""

from __future__ import annotations

from fractions import Fraction

import pytest

from ifrplus_cli.video.formats.streams import (
    PacketTimes,
    Track,
    is_variable,
    nominal_rate,
    pixel_format_of,
    ratio,
    read_times,
)


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
    track = Track()
    for pts, duration in zip(times, durations, strict=True):
        track.add({"pts": str(pts), "duration": str(duration)})
    assert read_times(track).last_duration == last


def test_packets_that_are_hidden_or_lack_a_time_are_told_apart() -> None:
    track = Track()
    for packet in (
        {"pts": 0, "dts": -20, "duration": 20, "flags": "KD_"},
        {"dts": 0, "duration": 20, "flags": "K__"},
        {"pts": 60, "dts": 20, "duration": 30, "flags": "___"},
        {"pts": 40, "dts": 40, "duration": 20, "flags": "___"},
        {"duration": 20, "flags": "___"},
    ):
        track.add(packet)
    assert track.count == 5
    assert read_times(track) == PacketTimes(count=4, timed=3, times=[0, 40, 60], last_duration=30, reordered=True)


def test_a_stream_may_have_no_packets() -> None:
    assert read_times(Track()) == PacketTimes(count=0, timed=0, times=[], last_duration=0, reordered=False)


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


@pytest.mark.parametrize("name", ["rgb555le", "rgb565be", "bgr444le"])
def test_packed_rgb_of_few_bits_needs_no_more_than_eight(name: str) -> None:
    assert pixel_format_of(name).name == "gbrp"

"""Times are written one way."""

from __future__ import annotations

import pytest

from ifrplus_cli.reports.format import clock, clock_time, moments_text


@pytest.mark.parametrize(
    ("seconds", "code", "time"),
    [
        (0, "0:00:00.00", "0:00"),
        (59.996, "0:01:00.00", "1:00"),
        (61.25, "0:01:01.25", "1:01"),
        (3599.6, "0:59:59.60", "1:00:00"),
        (36_610.5, "10:10:10.50", "10:10:10"),
    ],
)
def test_nothing_is_rounded_to_sixty(seconds: float, code: str, time: str) -> None:
    assert (clock(seconds), clock_time(seconds)) == (code, time)


def test_moments_that_follow_closely_are_told_once_and_many_are_counted() -> None:
    assert moments_text([1.0, 1.5, 1.9, 10.0]) == "0:00:01.00, 0:00:10.00"
    assert moments_text([9, *(n / 2 for n in range(20, 130))]) == "0:00:09.00, 0:00:10.00 to 0:01:04.50"
    assert moments_text(range(0, 16, 2)).endswith("0:00:10.00 and 2 more")
    assert moments_text([]) == ""

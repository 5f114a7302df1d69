"""A wish to stop: granted at once, or after what is in flight."""

from __future__ import annotations

import pytest

from ifrplus_cli.stopping import StopRequest


@pytest.mark.parametrize(
    ("asked", "deferred", "granted"),
    [(False, False, False), (False, True, False), (True, True, False), (True, False, True)],
)
def test_a_wish_is_granted_where_nothing_is_in_flight(asked: bool, deferred: bool, granted: bool) -> None:
    stop = StopRequest()
    assert not stop.granted
    stop.asked, stop.deferred = asked, deferred
    assert stop.granted is granted

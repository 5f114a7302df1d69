"""A request to stop: granted at once, or after what is in progress."""

from __future__ import annotations

import pytest

from ifrplus_cli.stopping import StopRequest


@pytest.mark.parametrize(
    ("asked", "deferred", "granted"),
    [(False, False, False), (False, True, False), (True, True, False), (True, False, True)],
)
def test_a_request_is_granted_when_nothing_is_in_progress(asked: bool, deferred: bool, granted: bool) -> None:
    stop = StopRequest()
    assert not stop.granted
    stop.asked, stop.deferred = asked, deferred
    assert stop.granted is granted

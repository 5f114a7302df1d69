"""Ctrl-C, SIGTERM and a closed terminal: a request to stop while a segment is in progress, an end at once otherwise."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from typing import TypeVar

from ifrplus_cli.stopping import Interrupted, StopRequest
from ifrplus_cli.system import HANGUP

Value = TypeVar("Value")
SIGNALS = tuple(number for number in (signal.SIGINT, signal.SIGTERM, HANGUP) if number is not None)
CLEAN_UP = 5.0  # seconds in which no further signal cuts the clean-up short
stop = StopRequest()


def listen() -> None:
    """Handle the signals from now on; one that nohup ignores stays ignored."""
    for number in SIGNALS:
        if number != HANGUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _interrupt)


def _interrupt(*_: object) -> None:
    if stop.deferred and not stop.asked:
        stop.asked = True
        return
    now = time.monotonic()
    if stop.forced_at is None or now > stop.forced_at + CLEAN_UP:  # Python itself swallows what is raised in __del__
        stop.forced_at = now
        raise Interrupted


def noting_a_stop(advance: Callable[[Value], None], note: Callable[[str], None]) -> Callable[[Value], None]:
    """Return ``advance`` with a note, once, that the run is about to end: a signal handler can't print."""
    noted = False

    def advance_and_note(progress: Value) -> None:
        nonlocal noted
        if stop.asked and not noted:
            noted = True
            note("The segment in progress is finished first. Press Ctrl-C again to stop at once.")
        advance(progress)

    return advance_and_note

"""Ctrl-C, SIGTERM and a closed terminal: a request to stop while a segment is in progress, an end at once otherwise."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import TypeVar

from ifrplus_cli.stopping import Interrupted, StopRequest
from ifrplus_cli.system import HANGUP

Value = TypeVar("Value")
SIGNALS = tuple(number for number in (signal.SIGINT, signal.SIGTERM, HANGUP) if number is not None)
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
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)  # a second one must not cut the clean-up short
    stop.forced = True
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

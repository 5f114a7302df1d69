"""Requests to stop, which a run grants when nothing is lost."""

from __future__ import annotations

from ifrplus_cli.errors import IfrplusError


class StoppedError(IfrplusError):
    """A run has stopped on request; the message says what is kept."""


class StopRequest:
    """A request to end a run, shared by the one who asks and the run, in one thread.

    Attributes:
        asked: whether stopping has been requested.
        deferred: whether something is in progress that is worth finishing first.
        forced_at: when the program was told to end at once, in seconds of ``time.monotonic``; None if it was not.
    """

    def __init__(self) -> None:
        self.asked = False
        self.deferred = False
        self.forced_at: float | None = None

    @property
    def granted(self) -> bool:
        """Whether the run should stop now."""
        return self.asked and not self.deferred


class Interrupted(BaseException):
    """The person pressed Ctrl-C, or the system asked the program to end; the message says what is kept."""

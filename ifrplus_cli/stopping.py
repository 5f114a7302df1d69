"""A wish to stop, which a run grants where nothing is lost."""

from __future__ import annotations

from ifrplus_cli.errors import IfrplusError


class StoppedError(IfrplusError):
    """A run has stopped because it was asked to; the message says what is kept."""


class StopRequest:
    """Whether somebody wants the run to end; shared by who asks and who runs, in one thread.

    Attributes:
        asked: it is wanted.
        deferred: something is in flight that is worth finishing first.
    """

    def __init__(self) -> None:
        self.asked = False
        self.deferred = False

    @property
    def granted(self) -> bool:
        """Whether now is the time."""
        return self.asked and not self.deferred

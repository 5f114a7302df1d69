"""Keeps a child process's stderr flowing: an unread pipe fills up and hangs the process."""

from __future__ import annotations

import re
import signal
import threading
from collections import deque
from typing import IO

LEVEL = re.compile(r"\[(info|warning|error|fatal|panic)\] ?")
ADDRESS = re.compile(r"\[[^\]]* @ 0x[0-9a-f]+\] ?")
GRAVE = {"error", "fatal", "panic"}


class StderrDrain(threading.Thread):
    """Reads an ffmpeg's stderr to its end, and remembers what a person would want to know of it.

    ffmpeg must run with ``-loglevel repeat+level+...``, so that every line says how grave it is.

    Attributes:
        complaints: lines of level error or worse so far.
        first_complaint: the first of them, which is usually the cause of those that follow.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        super().__init__(daemon=True)
        self.complaints = 0
        self.first_complaint = ""
        self._tail: deque[str] = deque(maxlen=20)
        self._stream = stream
        self.start()

    def run(self) -> None:
        """Read to the end of the stream."""
        with self._stream:
            for raw in self._stream:
                line = raw.decode("utf-8", "replace").rstrip()
                if line and not self.consume(line):
                    self._remember(line)
        self.finish()

    def consume(self, line: str) -> bool:
        """Whether the line was data rather than talk; a subclass picks out what it needs."""
        return False

    def finish(self) -> None:
        """Called once at the end of the stream."""

    def _remember(self, line: str) -> None:
        level = LEVEL.search(line)
        said = ADDRESS.sub("", LEVEL.sub("", line, count=1)).strip().rstrip(".")
        if level and level[1] in GRAVE:
            self.complaints += 1
            self.first_complaint = self.first_complaint or said
        self._tail.append(said)

    def reason(self, exit_code: int = 0) -> str:
        """What ffmpeg gave as the cause of its end, fit to stand in a sentence; waits for the stream's end.

        Args:
            exit_code: of the process, where it is known; a negative one says which signal ended it.
        """
        self.join()
        if exit_code < 0:
            return f"it was ended by {signal.Signals(-exit_code).name}"
        return self.first_complaint or (self._tail[-1] if self._tail else "it gave no reason")

"""Signals end a run, except one that nohup keeps from it."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from ifrplus_cli.commands import signals
from ifrplus_cli.stopping import Interrupted
from ifrplus_cli.system import HANGUP

pytestmark = pytest.mark.skipif(HANGUP is None, reason="this system closes no terminals by a signal")


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    handlers = {number: signal.getsignal(number) for number in signals.SIGNALS}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)
    signals.stop.forced_at = None


class Ending:
    """A thing at whose end the program gets a signal."""

    def __del__(self) -> None:
        signal.raise_signal(signal.SIGTERM)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_signal_that_python_swallows_does_not_make_the_program_deaf(monkeypatch: pytest.MonkeyPatch) -> None:
    signals.listen()
    Ending()  # Python only prints what is raised there
    signal.raise_signal(signal.SIGTERM)  # the clean-up may be going on
    monkeypatch.setattr(signals, "CLEAN_UP", 0)
    with pytest.raises(Interrupted):
        signal.raise_signal(signal.SIGTERM)


@pytest.mark.parametrize("ignored", [False, True])
def test_a_closed_terminal_ends_a_run_but_not_one_of_nohup(ignored: bool) -> None:
    assert HANGUP is not None
    signal.signal(HANGUP, signal.SIG_IGN if ignored else signal.SIG_DFL)
    signals.listen()
    assert (signal.getsignal(HANGUP) == signal.SIG_IGN) == ignored
    assert signal.getsignal(signal.SIGTERM) not in (signal.SIG_IGN, signal.SIG_DFL)

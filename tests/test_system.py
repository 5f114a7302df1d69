"""What only some systems have, and that nothing else needs a certain system."""

from __future__ import annotations

import ctypes
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import ifrplus_cli
from ifrplus_cli.system import cache_folder, data_folder, flush, has_reader, lock, peak_memory_mb

PICTURES = """
import resource
import numpy as np
from ifrplus_cli.system import keep_freed_memory
{setting}
faults = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt
np.ones(2**23, np.float32)
before = faults()
for _ in range(10):
    np.ones(2**23, np.float32)
print(faults() - before)
"""


def page_faults(setting: str) -> int:
    """Of ten pictures of 32 MiB, one after the other, in a new process."""
    run = subprocess.run(
        [sys.executable, "-c", PICTURES.format(setting=setting)], capture_output=True, text=True, check=True
    )
    return int(run.stdout)


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "gnu_get_libc_version"), reason="glibc only")
def test_the_next_picture_takes_the_memory_of_the_last() -> None:
    assert page_faults("keep_freed_memory()") * 10 < page_faults("")


def test_peak_memory_grows_with_what_is_held() -> None:
    before = peak_memory_mb()
    assert before is not None and before > 10
    block = np.ones(2**24)  # 128 MiB
    assert (peak_memory_mb() or 0) >= before
    assert block.nbytes == 2**27


def test_a_file_is_locked_for_one_process(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with path.open("wb") as mine:
        lock(mine)
        with path.open("rb+") as another, pytest.raises(BlockingIOError):
            lock(another)
    with path.open("rb+") as later:
        lock(later, wait=True)


def test_a_pipe_has_a_reader_until_it_closes() -> None:
    reader, writer = os.pipe()
    assert has_reader(writer)
    os.close(reader)
    assert not has_reader(writer)
    os.close(writer)


def test_files_and_folders_are_flushed(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("text")
    flush(tmp_path / "file")
    flush(tmp_path)
    with pytest.raises(FileNotFoundError):
        flush(tmp_path / "missing")


def test_folders_of_a_user_follow_their_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert (data_folder(), cache_folder()) == (tmp_path / "data", tmp_path / "cache")
    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert (data_folder(), cache_folder()) == (tmp_path / ".local/share", tmp_path / ".cache")


# What Windows or macOS lack. Paths of devices and of the kernel are looked for in ``machine.py``, and may be missing.
POSIX_ONLY = re.compile(
    r"^\s*(?:import|from) (?:fcntl|resource|select|pwd|grp|pty|termios|tty|posix|syslog)\b"
    r"|\bos\.(?:fork|wait|kill|nice|sync\b|umask|chown|mkfifo|statvfs|uname|getuid|geteuid|getgid|getpgid|setsid|setpgid"
    r"|getloadavg|sched_|posix_|O_NOFOLLOW|O_DIRECTORY|O_NONBLOCK|pread|pwrite|sendfile)"
    r"|\bsignal\.(?:pthread_|alarm|setitimer|sigwait|SIGKILL|SIGALRM|SIGPIPE|SIGHUP|SIGUSR|SIGCHLD|SIGSTOP)"
    r"|start_new_session|preexec_fn|pass_fds|os\.path\.expanduser|Path\.home"
    r"|[\"']/(?:proc|sys|dev|tmp)\b",
    re.MULTILINE,
)
HOMES = {"system.py", "network/machine.py"}
PACKAGE = Path(ifrplus_cli.__file__).parent


@pytest.mark.parametrize("name", sorted(file.relative_to(PACKAGE).as_posix() for file in PACKAGE.rglob("*.py")))
def test_only_one_file_needs_a_certain_system(name: str) -> None:
    if name not in HOMES:
        assert not POSIX_ONLY.findall((PACKAGE / name).read_text("utf-8")), "put it into system.py"


def test_what_is_looked_for_is_really_found() -> None:
    text = (PACKAGE / "system.py").read_text("utf-8")
    found = {match.strip() for match in POSIX_ONLY.findall(text)}
    assert {"import fcntl", "import resource", "import select", "os.umask", "os.sync", "signal.pthread_"} <= found

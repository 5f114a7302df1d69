"""Write files safely, under their own name only once they are complete, and compute checksums."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from ifrplus_cli import system
from ifrplus_cli.errors import OutputError

CHUNK = 2**20  # bytes
BEGINNING = 1000  # bytes of a file that tell whether it is a text
MEGABYTE = 10**6
LEAST_FREE = 50 * MEGABYTE  # a run does not use the last of the disk: other programs need some space, too


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield another name to write a file to; it gets its own when it is on the disk, and is deleted if that fails.

    Raises:
        OSError: if it can't be written.
    """
    part = path.with_name(f".{path.name[:40]}.{os.getpid()}.part")
    try:
        yield part
        system.flush(part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def check_place(path: Path, option: str, others: Iterable[Path | None] = ()) -> None:
    """Check before a long run that a text file can be written at its end.

    Args:
        path: the file; it may replace another text, but no film or picture.
        option: the option that named the file, such as ``--csv``.
        others: files that must not be overwritten.

    Raises:
        OutputError: if it can't be written.
    """
    try:
        overwrites = path.resolve() in [other.resolve() for other in others if other is not None]
    except (OSError, RuntimeError) as error:  # the latter: a link that leads to itself, before Python 3.13
        raise OutputError(
            f"{path} can't be written: it is a link that leads nowhere.", f"Give another {option}."
        ) from error
    if overwrites or (path.is_file() and not _is_stream(path) and _is_binary(path)):
        raise OutputError(f"{option} would overwrite {path}.", f"Give another {option}.")
    folder = path if _is_stream(path) else path.resolve().parent
    if path.is_dir() or not os.access(folder, os.W_OK):
        why = "it is a folder" if path.is_dir() else f"no file can be created in {folder}"
        raise OutputError(f"{path} can't be written: {why}.", f"Give another {option}.")


def write_whole(path: Path, text: str, option: str) -> None:
    """Write a text file, replacing an existing one; where a link leads to one, that one.

    Args:
        path: the file, or a device or a pipe, which is written to as it is.
        text: its content, stored as UTF-8.
        option: the option that named the file, such as ``--csv``.

    Raises:
        OutputError: if it can't be written.
    """
    try:
        if _is_stream(path):
            path.write_text(text, encoding="utf-8")
            return
        with whole_file(path.resolve()) as part:
            part.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{path} can't be written: {error.strerror}.", f"Give another {option}.") from error


def _is_binary(path: Path) -> bool:
    """Return whether a file is no text; one that can't be read is not called so."""
    try:
        with path.open("rb") as file:
            return b"\0" in file.read(BEGINNING)
    except OSError:
        return False


def _is_stream(path: Path) -> bool:
    """Return whether a path is a device, a pipe or a name of what this process has open: it must not be replaced."""
    return path.exists() and not path.is_dir() and (not path.is_file() or system.is_a_systems_own(path))


def size_text(count: int) -> str:
    """Return a number of bytes as a person reads it."""
    return f"{count / MEGABYTE:.0f} MB" if count < 1000 * MEGABYTE else f"{count / MEGABYTE / 1000:.1f} GB"


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(CHUNK):
            digest.update(block)
    return digest.hexdigest()


class PartFile:
    """A temporary file beside the output, readable only by its owner, which later replaces the output.

    The file is locked, so that no other run writes this output in the meantime. Leaving the ``with`` block deletes it
    unless it has been published.
    """

    def __init__(self, output: Path) -> None:
        self.output = output
        digest = hashlib.sha256(os.fsencode(output.name)).hexdigest()[:8]  # long names differ at their ends
        self.path = output.with_name(f".{output.stem[:40]}.{digest}.part{output.suffix}")
        self._published = False

    def __enter__(self) -> PartFile:
        """
        Raises:
            OutputError: if the folder accepts no file, or another run is writing this output.
        """
        try:
            self._file = self._locked()
        except BlockingIOError:
            raise OutputError(
                f"Another run is writing {self.output.name}.", "Wait for it, or give the output another name."
            ) from None
        except OSError as error:
            raise unwritable(self.path, error) from error
        return self

    def __exit__(self, *exc: object) -> None:
        system.close_before_renaming(self._file)
        if not self._published:  # otherwise a file of this name is that of another run
            self.path.unlink(missing_ok=True)
        self._file.close()

    def publish(self) -> None:
        """Give the finished file its name; a power cut leaves either the old file or the new one.

        Raises:
            OutputError: if the system refuses.
        """
        try:
            self.path.chmod(0o666 & ~system.umask())
            system.flush(self.path)
            system.close_before_renaming(self._file)
            self.path.replace(self.output)
            self._published = True
            system.flush(self.output.absolute().parent)
        except OSError as error:
            raise unwritable(self.output, error) from error

    def _locked(self) -> IO[bytes]:
        """Create the file; one left by a killed run is deleted first, for that run's ffmpeg may still write to it."""
        while True:
            if (stale := self._lock(0)) is not None:
                system.close_before_renaming(stale)
                self.path.unlink()
                stale.close()
            if (file := self._lock(os.O_CREAT | os.O_EXCL)) is not None:
                return file

    def _lock(self, flags: int) -> IO[bytes] | None:
        """Open and lock the file; None if it is missing (or, to be created, exists), or was replaced meanwhile."""
        try:
            file = os.fdopen(os.open(self.path, os.O_RDWR | system.SAFE_OPEN | flags, 0o600), "r+b")
        except FileExistsError:
            return None
        except FileNotFoundError:
            if flags & os.O_CREAT:  # the folder is missing, or accepts no files
                raise
            return None
        try:
            system.lock(file)
            if os.path.samestat(os.fstat(file.fileno()), self.path.stat()):
                return file
        except FileNotFoundError:
            pass
        except BaseException:
            file.close()
            raise
        file.close()
        return None


class PartFolder:
    """A temporary folder beside the output which later replaces it: ``PartFile`` for a folder of images.

    Others may not enter the folder, so they can't reach its content.
    """

    def __init__(self, output: Path) -> None:
        self.output = output
        self.path = PartFile(output).path
        self._before = self.path.with_name(f"{self.path.name}.old")
        self._lock = PartFile(self.path)

    def __enter__(self) -> PartFolder:
        """
        Raises:
            OutputError: if the folder can't be made, or another run is writing this output.
        """
        self._lock.__enter__()
        try:
            shutil.rmtree(self.path, ignore_errors=True)  # left by a killed run
            if self._before.is_dir() and not self.output.exists():
                self._before.rename(self.output)  # it was killed between the two renames of ``publish``
            if self._before.is_symlink():
                self._before.unlink()
            shutil.rmtree(self._before, ignore_errors=True)
            self.path.mkdir(mode=0o700)
        except OSError as error:
            self._lock.__exit__()
            raise unwritable(self.path, error) from error
        return self

    def __exit__(self, *exc: object) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        self._lock.__exit__()

    def publish(self) -> None:
        """Give the finished folder its name; an existing folder is deleted once the new one is in its place.

        Raises:
            OutputError: if the system refuses.
        """
        try:
            self.path.chmod(0o777 & ~system.umask())
            system.flush_all()
            if self.output.exists():
                self.output.rename(self._before)
            self.path.rename(self.output)
            system.flush(self.output.absolute().parent)
            shutil.rmtree(self._before, ignore_errors=True)
        except OSError as error:
            raise unwritable(self.output, error) from error


def unwritable(path: Path, error: OSError) -> OutputError:
    """Return the error for a folder to which nothing can be written."""
    return OutputError(
        f"Nothing can be written to {path.absolute().parent}: {error.strerror}.", "Choose another folder or name."
    )

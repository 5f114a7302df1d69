"""Small files that a person asks for: they appear when they are whole."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ifrplus_cli.errors import OutputError

if TYPE_CHECKING:
    pass

import fcntl
import shutil
from typing import IO

BLOCK = 2**20  # bytes


def check_place(path: Path, option: str, films: Sequence[Path] = ()) -> None:
    """Find out before a long run whether a file can be written at its end.

    Args:
        option: that named the file, such as ``--csv``.
        films: that must not be written over.

    Raises:
        OutputError: if it can't.
    """
    if path.resolve() in [film.resolve() for film in films]:
        raise OutputError(f"{option} would be written over {path}.", f"Give another {option}.")
    folder = path.absolute().parent
    if path.is_dir() or not os.access(folder, os.W_OK):
        why = "it is a folder" if path.is_dir() else f"no file can be made in {folder}"
        raise OutputError(f"{path} can't be written: {why}.", f"Give another {option}.")


def write_whole(path: Path, text: str, option: str) -> None:
    """Write a text file, in place of one that may be there.

    Args:
        option: that named the file, such as ``--csv``.

    Raises:
        OutputError: if it can't be written.
    """
    part = path.with_name(f".{path.name[:40]}.{os.getpid()}.part")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise OutputError(f"{path} can't be written: {error.strerror}.", f"Give another {option}.") from error
    finally:
        part.unlink(missing_ok=True)


def sha256_of(path: Path) -> str:
    """SHA-256 of a file in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


class PartFile:
    """A file beside the output that is written in its place, readable by its owner alone.

    It is locked: nobody else writes this output in the meantime. It goes when the ``with`` block is left, unless it
    was published before.
    """

    def __init__(self, output: Path) -> None:
        self.output = output
        told = hashlib.sha256(os.fsencode(output.name)).hexdigest()[:8]  # long names differ at their ends
        self.path = output.with_name(f".{output.stem[:40]}.{told}.part{output.suffix}")

    def __enter__(self) -> PartFile:
        """
        Raises:
            OutputError: if the folder takes no file, or another run is writing this output.
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
        self.path.unlink(missing_ok=True)
        self._file.close()

    def publish(self) -> None:
        """Give the finished file its name, in such a way that a power cut leaves the old file or the new one.

        Raises:
            OutputError: if the system refuses.
        """
        try:
            self.path.chmod(0o666 & ~_umask())
            sync(self.path)
            self.path.replace(self.output)
            sync(self.output.absolute().parent)
        except OSError as error:
            raise unwritable(self.output, error) from error

    def _locked(self) -> IO[bytes]:
        """A new file; what a killed run left is taken away, for an ffmpeg of it may still be writing there."""
        while True:
            if (stale := self._lock(0)) is not None:
                self.path.unlink()
                stale.close()
            if (file := self._lock(os.O_CREAT | os.O_EXCL)) is not None:
                return file

    def _lock(self, flags: int) -> IO[bytes] | None:
        """The file under the name, locked; None if there is none, or one already, or it went in the meantime."""
        try:
            file = os.fdopen(os.open(self.path, os.O_RDWR | os.O_NOFOLLOW | flags, 0o600), "r+b")
        except FileExistsError:
            return None
        except FileNotFoundError:
            if flags & os.O_CREAT:  # then it is the folder that is missing, or that takes no files
                raise
            return None
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
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
    """A folder beside the output that is filled in its place; the same as ``PartFile`` for a folder of images.

    What is in it is out of reach for others, since they may not enter it.
    """

    def __init__(self, output: Path) -> None:
        self.output = output
        self.path = PartFile(output).path
        self._lock = PartFile(self.path)

    def __enter__(self) -> PartFolder:
        """
        Raises:
            OutputError: if the folder can't be made, or another run is writing this output.
        """
        self._lock.__enter__()
        try:
            shutil.rmtree(self.path, ignore_errors=True)  # what a killed run left
            self.path.mkdir(mode=0o700)
        except OSError as error:
            self._lock.__exit__()
            raise unwritable(self.path, error) from error
        return self

    def __exit__(self, *exc: object) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        self._lock.__exit__()

    def publish(self) -> None:
        """Give the finished folder its name; one that is there is taken away once the new one is in its place.

        Raises:
            OutputError: if the system refuses.
        """
        before = self.path.with_name(f"{self.path.name}.old")
        try:
            self.path.chmod(0o777 & ~_umask())
            os.sync()
            if self.output.exists():
                self.output.rename(before)
            self.path.rename(self.output)
            sync(self.output.absolute().parent)
            shutil.rmtree(before, ignore_errors=True)
        except OSError as error:
            raise unwritable(self.output, error) from error


def _umask() -> int:
    """What the person takes from the permissions of every new file."""
    umask = os.umask(0o077)
    os.umask(umask)
    return umask


def sync(path: Path) -> None:
    """Have the disk keep a file, or the names in a folder, whatever happens next."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def unwritable(path: Path, error: OSError) -> OutputError:
    """What a person is told where nothing can be written."""
    return OutputError(
        f"Nothing can be written to {path.absolute().parent}: {error.strerror}.", "Choose another folder or name."
    )

"""The place of a result: looked at before the run, used by one run at a time, and filled when the film is whole."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from pathlib import Path
from typing import IO

from ifrplus_cli.errors import InputError, OutputError
from ifrplus_cli.video.ffmpeg import is_text
from ifrplus_cli.video.images import KINDS


def check_output(source: Path, output: Path, *, overwrite: bool, is_images: bool = False) -> None:
    """Find out what is in the way of a result before anything is done.

    Args:
        is_images: the output is a folder of images.

    Raises:
        InputError: if it is the source itself.
        OutputError: for anything else.
    """
    folder = output.absolute().parent
    try:
        there, is_folder = output.exists(), output.is_dir()
    except OSError as error:
        raise unwritable(output, error) from error
    if not is_text(output):
        raise OutputError(f"The name of {output} is not valid text.", "Choose another folder or name.")
    if is_images and there:
        _check_replaceable(output, overwrite=overwrite)
    elif is_folder:
        raise OutputError(f"{output} is a folder.", "Give the name of a video file.")
    if not folder.is_dir():
        raise OutputError(f"The folder {folder} does not exist.", "Make it first.")
    if there and source.exists() and output.samefile(source):
        raise InputError("Source and output are the same file.", "Give the output another name.")
    if there and not overwrite and not is_images:
        raise OutputError(f"{output} is there already.", "Add -y to overwrite it.")
    if not os.access(folder, os.W_OK) or (there and not os.access(output, os.W_OK)):
        raise OutputError(f"{output} can't be written.", "Check the permissions of its folder.")


def _check_replaceable(folder: Path, *, overwrite: bool) -> None:
    """Refuse to put images in place of a folder that holds anything else, or images that nothing was said about."""
    if not folder.is_dir():
        raise OutputError(f"{folder} is a file.", "Give another folder.")
    held = list(folder.iterdir())
    other = next((file for file in held if not file.is_file() or file.suffix.lower() not in KINDS), None)
    if other is not None:
        raise OutputError(
            f"{folder} holds {other.name}, which is no image.", "Give a folder that is not there yet: it is made whole."
        )
    if held and not overwrite:
        raise OutputError(f"{folder} is there already, with {len(held)} images.", "Add -y to replace the folder.")


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

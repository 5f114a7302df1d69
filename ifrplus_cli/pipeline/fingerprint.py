"""What tells a source from another one, and from what it was when a run began."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from ifrplus_cli.errors import InputError

END_BYTES = 2**20  # of the beginning and of the end of a file, whose checksum stands for the whole


@dataclass(frozen=True)
class Fingerprint:
    """What a source is at a moment.

    Attributes:
        size: in bytes.
        modified: when it was changed last, in nanoseconds.
        sha256: of its beginning and its end; of names, sizes and dates where there are many files.
        files: all of them, where there are many.
    """

    path: Path
    size: int
    modified: int
    sha256: str
    files: tuple[Path, ...] = ()

    @classmethod
    def of(cls, path: Path, files: tuple[Path, ...] = ()) -> Fingerprint:
        """That of a file, or of many of them, as it is now.

        Args:
            path: of the source.
            files: that it is read from.

        Raises:
            InputError: if it can't be read.
        """
        try:
            if len(files) > 1:
                return cls._of_many(path, files)
            with path.open("rb") as file:
                found = os.fstat(file.fileno())
                digest = hashlib.sha256(file.read(END_BYTES))
                file.seek(max(0, found.st_size - END_BYTES))
                digest.update(file.read(END_BYTES))
        except OSError as error:
            raise InputError(f"{path} can't be read any more: {error.strerror}.", "Put it back.") from error
        return cls(path, found.st_size, found.st_mtime_ns, digest.hexdigest())

    @classmethod
    def _of_many(cls, path: Path, files: tuple[Path, ...]) -> Fingerprint:
        """By names, sizes and dates."""
        found = [file.stat() for file in files]
        told = [(file.name, state.st_size, state.st_mtime_ns) for file, state in zip(files, found, strict=True)]
        size, modified = sum(state.st_size for state in found), max(state.st_mtime_ns for state in found)
        return cls(path, size, modified, hashlib.sha256(repr(told).encode()).hexdigest(), files)

    def check_unchanged(self) -> None:
        """Refuse what was made from two different files.

        Raises:
            InputError: if the file is gone, or another one now.
        """
        if Fingerprint.of(self.path, self.files) != self:
            raise InputError(
                f"{self.path.name} was changed while it was read.", "Run again when nothing writes to it any more."
            )

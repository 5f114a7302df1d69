"""Recognise a source, and notice whether it has changed since a run began."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from ifrplus_cli.errors import InputError

END_BYTES = 2**20  # at the beginning and at the end of a file; their checksum stands for the whole file


@dataclass(frozen=True)
class Fingerprint:
    """The state of a source at one moment.

    Attributes:
        size: size in bytes, of all files.
        modified: time of the last change, in nanoseconds.
        sha256: checksum of the beginning and the end of the file; of names, sizes and dates if there are several files.
        files: all files, if there are several.
    """

    path: Path
    size: int
    modified: int
    sha256: str
    files: tuple[Path, ...] = ()

    @classmethod
    def of(cls, path: Path, files: tuple[Path, ...] = ()) -> Fingerprint:
        """Return the fingerprint of a source as it is now.

        Args:
            path: path of the source.
            files: the files that it is read from.

        Raises:
            InputError: if a file can't be read.
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
            raise InputError(f"{path} can no longer be read: {error.strerror}.", "Put it back.") from error
        return cls(path, found.st_size, found.st_mtime_ns, digest.hexdigest())

    @classmethod
    def _of_many(cls, path: Path, files: tuple[Path, ...]) -> Fingerprint:
        """Return a fingerprint from names, sizes and dates."""
        found = [file.stat() for file in files]
        listed = [(file.name, state.st_size, state.st_mtime_ns) for file, state in zip(files, found, strict=True)]
        size, modified = sum(state.st_size for state in found), max(state.st_mtime_ns for state in found)
        return cls(path, size, modified, hashlib.sha256(repr(listed).encode()).hexdigest(), files)

    def check_unchanged(self) -> None:
        """Refuse a result that was made from two versions of the source.

        Raises:
            InputError: if a file is gone or has changed.
        """
        if Fingerprint.of(self.path, self.files) != self:
            raise InputError(
                f"{self.path.name} was changed while it was read.", "Run again once no program writes to it."
            )
